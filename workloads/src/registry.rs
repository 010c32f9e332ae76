//! The macro behind the registry: one line declares a workload's module and makes it known by name.

/// What is done with a workload once its type is known.
pub trait Visitor {
    /// What comes of it.
    type Output;

    /// Called with the workload that was asked for.
    fn visit<W: crate::Workload>(self) -> Self::Output;
}

/// Declares the modules named and generates `definitions`, `visit` and `for_each_workload!`. The
/// leading dollar sign lets the generated macro have metavariables of its own.
macro_rules! registry {
    ($dollar:tt $($module:ident::$Workload:ident,)+) => {
        $(pub mod $module;)+
        pub use registry::Visitor;
        $(pub use $module::$Workload;)+

        /// The definitions of all workloads, in the order in which reports show them.
        pub fn definitions() -> Vec<&'static Definition> {
            vec![$(&<$Workload as Workload>::DEFINITION,)+]
        }

        /// Calls `visitor` with the workload registered as `name`, or gives the visitor back when
        /// there is none.
        ///
        /// # Errors
        /// The visitor itself, unused.
        pub fn visit<V: Visitor>(name: &str, visitor: V) -> Result<V::Output, V> {
            $(if name == <$Workload as Workload>::DEFINITION.name {
                return Ok(visitor.visit::<$Workload>());
            })+
            Err(visitor)
        }

        /// Expands `callback!(module, path::to::Workload);` for every registered workload.
        #[macro_export]
        macro_rules! for_each_workload {
            ($dollar callback:ident) => {
                $($dollar callback!($module, $dollar crate::$Workload);)+
            };
        }
    };
}
