//! Known mistakes, to be switched on one at a time.

use std::cell::Cell;

thread_local! {
    static LOOSE: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Whether this bug is on, on this thread.
pub(crate) fn has(bug: Bug) -> bool {
    LOOSE.get() == Some(bug)
}

/// Runs something with a bug on. It is off again afterwards, after a panic too.
pub fn with<T>(bug: Bug, run: impl FnOnce() -> T) -> T {
    struct Closed;
    impl Drop for Closed {
        fn drop(&mut self) {
            LOOSE.set(None);
        }
    }
    LOOSE.set(Some(bug));
    let _closed = Closed;
    run()
}

macro_rules! bugs {
    ($($(#[$doc:meta])* $bug:ident,)*) => {
        /// A known mistake.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Bug {
            $($(#[$doc])* $bug,)*
        }

        impl Bug {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$bug,)*];
        }
    };
}
