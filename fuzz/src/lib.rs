//! What is fuzzed: one function for each kind of text from outside. It panics
//! if the text makes the program panic or breaks a promise. `cargo test`
//! replays the corpus with the same functions, without a fuzzer.

#[path = "../../tests/it/corpus/files.rs"]
pub mod files;
#[path = "../../tests/it/corpus/history.rs"]
pub mod history;
#[path = "../../tests/it/corpus/journal.rs"]
pub mod journal;
#[path = "../../tests/it/corpus/name.rs"]
pub mod name;
#[path = "../../tests/it/corpus/record.rs"]
pub mod record;
#[path = "../../tests/it/corpus/search.rs"]
pub mod search;
#[path = "../../tests/it/corpus/text.rs"]
pub mod text;
