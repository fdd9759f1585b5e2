//! Runs our converter against the reference's recorded output and writes the scoreboard.
