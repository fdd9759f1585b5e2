//! JSON as Python writes it: bounded reading, and output byte-identical to `json.dumps`.
