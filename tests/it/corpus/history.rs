//! A script's history: any bytes are read, what is kept of them is bounded,
//! and a line that was read is written as it was meant.

use meanwhile::run::past::{self, BYTES, Past, RUNS};
use meanwhile::run::ran::{Ran, decode_path, encode_path};

/// Panics if a promise is broken.
pub fn check(data: &[u8]) {
    let runs = past::parse(data);
    assert!(runs.len() <= RUNS);
    for ran in &runs {
        let line = ran.line();
        let again = Ran::parse(line.trim_end().as_bytes());
        assert_eq!(again.as_ref(), Some(ran));
        assert!(past::is_file(&past::file_of(&ran.path)));
        let path = decode_path(&ran.path);
        assert_eq!(decode_path(&encode_path(&path)), path);
    }
    for added in [0, data.len(), BYTES, usize::MAX] {
        let kept = past::kept(data, added);
        let bytes: usize = kept.iter().map(|line| line.len() + 1).sum();
        assert!(kept.len() < RUNS && (kept.is_empty() || bytes + added <= BYTES));
    }
    let steps: Vec<_> = runs.iter().flat_map(|ran| ran.steps.clone()).collect();
    for serial in [false, true] {
        let past = Past::new(runs.clone(), serial);
        for step in &steps {
            if let Some(usual) = past.usual(&step.name) {
                assert!(usual.least <= usual.median && usual.median <= usual.most);
            }
        }
        for slower in past.slower(steps.iter().cloned()) {
            assert!(slower.step.took > slower.usual.median && !slower.to_string().is_empty());
        }
    }
}
