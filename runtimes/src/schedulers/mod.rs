//! The registry of our own executors. Adding one: write a file here, add its name below.

crate::registry::registry! { schedulers, for_each_scheduler, $, [
    local,
    global_herd,
    global_queue,
    work_stealing,
    work_stealing_biased,
    work_stealing_uncounted,
    stackful,
    stackful_unpooled,
    stackful_local,
    stackful_global_queue,
    #[cfg(target_arch = "x86_64")]
    stackful_10ms,
    #[cfg(target_arch = "x86_64")]
    stackful_1ms,
    #[cfg(target_arch = "x86_64")]
    stackful_200us,
] }
