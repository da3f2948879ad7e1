//! Whether a check traces this script. It says so by `MEANWHILE_CHECK`, which
//! all that the script runs inherits: `full`, or `light` where it looks at
//! changes alone.

/// The variable.
pub const CHECK: &str = "MEANWHILE_CHECK";

/// Whether it does.
pub fn traced() -> bool {
    std::env::var_os(CHECK).is_some_and(|how| !how.is_empty())
}

/// Whether it wants to know the script's lines as well.
pub fn lines() -> bool {
    std::env::var_os(CHECK).is_some_and(|how| how == "full")
}
