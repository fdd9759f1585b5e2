//! Files to models: finds out what an input is and reads it.
