//! ZIP archives of `.keras` files, read in memory under a budget and written deterministically.
