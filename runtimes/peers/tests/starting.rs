//! Peers start or say why not; see `cases`.

#[path = "../../tests/starting/cases.rs"]
mod cases;

use cases::Subject;
use peers::{
    async_executor, async_local, async_static, futures_local, futures_pool, may, monoio, tokio_ct,
    tokio_mt,
};

const SUBJECTS: &[Subject] = &[
    Subject::alone::<tokio_ct::Variant>("tokio-ct"),
    Subject::with_threads::<tokio_mt::Variant>("tokio-mt"),
    Subject::with_threads::<async_executor::Variant>("async-executor"),
    Subject::with_threads::<async_static::Variant>("async-static"),
    Subject::on_caller::<async_local::Variant>("async-local"),
    Subject::on_caller::<futures_local::Variant>("futures-local"),
    Subject::with_threads::<futures_pool::Variant>("futures-pool"),
    Subject::with_threads::<may::Variant>("may"),
    Subject::alone::<monoio::Variant>("monoio"),
];
