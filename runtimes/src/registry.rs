//! Who is registered: turns the one-line lists in `schedulers` and `peers` into look-ups.

use crate::descriptor::Descriptor;
use crate::runtime::Runtime;

/// Something to do with a runtime whose type is known only inside [`visit`](Visitor::visit).
pub trait Visitor {
    /// What comes of it.
    type Output;

    /// Called with the runtime as a type and its descriptor.
    fn visit<R: Runtime>(self, descriptor: &'static Descriptor) -> Self::Output;
}

/// Declares one module per variant and the look-ups over them. Each module exports `DESCRIPTOR` and
/// `Variant`; the order here is the order in lists and charts. The first two arguments name the
/// list's own module and the exported macro that calls another macro once per variant.
macro_rules! registry {
    ($list:ident, $for_each:ident, $dollar:tt, [$($(#[$meta:meta])* $module:ident),* $(,)?]) => {
        $($(#[$meta])* pub mod $module;)*

        /// The descriptors of this list, in order.
        #[allow(unused_mut, clippy::vec_init_then_push, reason = "a line may be compiled out, or \
         all")]
        pub fn descriptors() -> Vec<&'static $crate::Descriptor> {
            let mut descriptors = Vec::new();
            $($(#[$meta])* descriptors.push(&$module::DESCRIPTOR);)*
            descriptors
        }

        /// Calls `visitor` with the runtime called `name`, or gives the visitor back.
        #[allow(unused_variables, reason = "a list may be empty")]
        pub(crate) fn visit<V: $crate::Visitor>(name: &str, visitor: V) -> Result<V::Output, V> {
            $($(#[$meta])* {
                if name == $module::DESCRIPTOR.name {
                    return Ok(visitor.visit::<$module::Variant>(&$module::DESCRIPTOR));
                }
            })*
            Err(visitor)
        }

        /// Calls a macro once per variant of this list: `callback!(module,
        /// path::to::module::Variant);`
        #[doc(hidden)]
        #[macro_export]
        macro_rules! $for_each {
            ($dollar callback:ident) => {
                $($(#[$meta])* $dollar callback!($module, $dollar crate::$list::$module::Variant);)*
            };
        }
    };
}
pub(crate) use registry;

/// The descriptors of every registered runtime: ours first, then the peers.
pub fn descriptors() -> Vec<&'static Descriptor> {
    #[allow(unused_mut, reason = "without the feature `peers` there is nothing to add")]
    let mut descriptors = crate::schedulers::descriptors();
    #[cfg(feature = "peers")]
    descriptors.extend(crate::peers::descriptors());
    descriptors
}

/// Calls `visitor` with the runtime registered as `name`, or gives the visitor back when there is
/// none.
///
/// # Errors
/// The visitor itself, unused.
pub fn visit<V: Visitor>(name: &str, visitor: V) -> Result<V::Output, V> {
    let visitor = match crate::schedulers::visit(name, visitor) {
        Ok(output) => return Ok(output),
        Err(visitor) => visitor,
    };
    #[cfg(feature = "peers")]
    let visitor = match crate::peers::visit(name, visitor) {
        Ok(output) => return Ok(output),
        Err(visitor) => visitor,
    };
    Err(visitor)
}

/// Calls a macro once for every registered runtime: `callback!(module, path::to::Variant);`
#[cfg(feature = "peers")]
#[macro_export]
macro_rules! for_each_runtime {
    ($callback:ident) => {
        $crate::for_each_scheduler!($callback);
        $crate::for_each_peer!($callback);
    };
}

/// Calls a macro once for every registered runtime: `callback!(module, path::to::Variant);`
#[cfg(not(feature = "peers"))]
#[macro_export]
macro_rules! for_each_runtime {
    ($callback:ident) => {
        $crate::for_each_scheduler!($callback);
    };
}
