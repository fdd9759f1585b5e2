//! Plans and executes graphs.
