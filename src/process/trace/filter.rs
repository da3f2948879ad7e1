//! The filter (seccomp, in the language of the Berkeley packet filter) that
//! picks the calls which stop a tracee: all others cost next to nothing. It is
//! made from the table of [calls](super::calls): a tree of comparisons of the
//! call's number, and behind each leaf what its arguments must be.

use libc::sock_filter;

use super::calls::{FOREIGN, Row, TABLE, When};

/// The architecture whose calls the table has.
#[cfg(target_arch = "x86_64")]
pub const ARCHITECTURE: Option<u32> = Some(0xC000_003E);
#[cfg(target_arch = "aarch64")]
pub const ARCHITECTURE: Option<u32> = Some(0xC000_00B7);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub const ARCHITECTURE: Option<u32> = None;

/// On x86-64, numbers from here on are of another table (x32).
const X32: u32 = 0x4000_0000;

/// Where things are in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const ARGUMENTS: u32 = 16;

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
const ANY_BIT: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
const JUMP: u16 = (libc::BPF_JMP | libc::BPF_JA) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// The filter; none on an architecture that there is no table of.
pub fn program(light: bool) -> Option<Vec<sock_filter>> {
    let architecture = ARCHITECTURE?;
    let mut rows: Vec<(u32, usize, Row)> = TABLE
        .iter()
        .enumerate()
        .filter(|(_, row)| row.when.ever(light) && row.number != FOREIGN)
        .map(|(place, row)| (row.number as u32, place, *row))
        .collect();
    rows.sort_by_key(|(number, ..)| *number);
    let foreign = TABLE.iter().position(|row| row.number == FOREIGN)?;
    let leaves: Vec<(u32, Vec<sock_filter>)> =
        rows.iter().map(|(number, place, row)| (*number, leaf(row.when, *place, light))).collect();
    let mut program = vec![
        step(LOAD, 0, 0, ARCH),
        // (Programs of another architecture are noticed when they begin.)
        step(EQUAL, 1, 0, architecture),
        allow(),
        step(LOAD, 0, 0, NUMBER),
        step(AT_LEAST, 0, 1, X32),
        trace(foreign),
    ];
    program.extend(tree(&leaves));
    Some(program)
}

fn step(code: u16, yes: u8, no: u8, k: u32) -> sock_filter {
    sock_filter { code, jt: yes, jf: no, k }
}

fn allow() -> sock_filter {
    step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW)
}

fn trace(place: usize) -> sock_filter {
    step(RETURN, 0, 0, libc::SECCOMP_RET_TRACE | place as u32)
}

/// The lower half of an argument: all that flags and descriptors have.
fn argument(number: u8) -> sock_filter {
    let lower = if cfg!(target_endian = "big") { 4 } else { 0 };
    step(LOAD, 0, 0, ARGUMENTS + 8 * u32::from(number) + lower)
}

/// What is done about a call with the right number.
fn leaf(when: When, place: usize, light: bool) -> Vec<sock_filter> {
    if let Some((number, bits)) = when.bits(light).filter(|(_, bits)| *bits != 0) {
        return vec![argument(number), step(ANY_BIT, 0, 1, bits), trace(place), allow()];
    }
    match when {
        When::FullByPath(dir, flags) => vec![
            argument(flags),
            step(ANY_BIT, 0, 2, libc::AT_EMPTY_PATH as u32),
            argument(dir),
            step(EQUAL, 0, 1, libc::AT_FDCWD as u32),
            trace(place),
            allow(),
        ],
        When::OneOf(number, values) => {
            let mut steps = vec![argument(number)];
            for (at, value) in values.iter().enumerate() {
                steps.push(step(EQUAL, (values.len() - at) as u8, 0, *value));
            }
            steps.extend([allow(), trace(place)]);
            steps
        }
        When::NotNull(number) => {
            let mut upper = argument(number);
            upper.k ^= 4;
            vec![
                argument(number),
                step(EQUAL, 0, 2, 0),
                upper,
                step(EQUAL, 1, 0, 0),
                trace(place),
                allow(),
            ]
        }
        _ => vec![trace(place)],
    }
}

/// Finds a number among these, in as many steps as it takes to halve them.
fn tree(leaves: &[(u32, Vec<sock_filter>)]) -> Vec<sock_filter> {
    match leaves {
        [] => vec![allow()],
        [(number, steps)] => {
            let mut all = vec![step(EQUAL, 0, steps.len() as u8, *number)];
            all.extend_from_slice(steps);
            all.push(allow());
            all
        }
        _ => {
            let (lower, upper) = leaves.split_at(leaves.len() / 2);
            let left = tree(lower);
            // (A conditional jump goes no further than 255 steps.)
            let mut all =
                vec![step(AT_LEAST, 0, 1, upper[0].0), step(JUMP, 0, 0, left.len() as u32)];
            all.extend(left);
            all.extend(tree(upper));
            all
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::trace::calls::Call;

    /// What the kernel does with a filter.
    fn verdict(program: &[sock_filter], arch: u32, number: i64, arguments: [u64; 6]) -> u32 {
        let mut data = [0; 64];
        data[0..4].copy_from_slice(&(number as u32).to_ne_bytes());
        data[4..8].copy_from_slice(&arch.to_ne_bytes());
        for (at, argument) in arguments.iter().enumerate() {
            data[16 + 8 * at..24 + 8 * at].copy_from_slice(&argument.to_ne_bytes());
        }
        let (mut accumulator, mut at) = (0, 0);
        loop {
            let step = program[at];
            at += 1;
            let jump = |yes: bool| usize::from(if yes { step.jt } else { step.jf });
            match step.code {
                LOAD => {
                    let from = step.k as usize;
                    accumulator = u32::from_ne_bytes(data[from..from + 4].try_into().unwrap());
                }
                EQUAL => at += jump(accumulator == step.k),
                AT_LEAST => at += jump(accumulator >= step.k),
                ANY_BIT => at += jump(accumulator & step.k != 0),
                JUMP => at += step.k as usize,
                RETURN => return step.k,
                code => panic!("no such step: {code}"),
            }
        }
    }

    fn native(light: bool, number: i64, arguments: [u64; 6]) -> Option<Call> {
        let verdict = verdict(&program(light).unwrap(), ARCHITECTURE.unwrap(), number, arguments);
        match verdict & libc::SECCOMP_RET_ACTION_FULL {
            libc::SECCOMP_RET_TRACE => Some(TABLE[(verdict & 0xffff) as usize].call),
            libc::SECCOMP_RET_ALLOW => None,
            other => panic!("no such verdict: {other}"),
        }
    }

    /// Arguments with which every row is looked at.
    fn picked(when: When) -> [u64; 6] {
        let mut arguments = [0; 6];
        match when {
            When::Bits(at, bits) => arguments[at as usize] = u64::from(bits),
            When::OneOf(at, values) => arguments[at as usize] = u64::from(values[0]),
            When::NotNull(at) => arguments[at as usize] = 0x7f00_0000_0000,
            When::Opens(at) => arguments[at as usize] = libc::O_CREAT as u64,
            _ => {}
        }
        arguments
    }

    #[test]
    fn every_call_of_the_table_is_picked_and_no_other() {
        for light in [false, true] {
            for number in 0..600 {
                let row = TABLE.iter().find(|row| row.number == number && row.when.ever(light));
                let call = row.map(|row| row.call);
                let arguments = row.map_or([0; 6], |row| picked(row.when));
                assert_eq!(native(light, number, arguments), call, "{number}, light: {light}");
            }
        }
    }

    #[test]
    fn numbers_are_given_once() {
        let mut numbers: Vec<_> = TABLE.iter().map(|row| row.number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), TABLE.len());
    }

    #[test]
    fn opens_for_reading_pass_where_only_changes_are_looked_at() {
        let open = |light, flags: i32| {
            native(light, libc::SYS_openat, [0, 0, flags as u64, 0, 0, 0]).is_some()
        };
        assert!(open(false, libc::O_RDONLY) && !open(true, libc::O_RDONLY | libc::O_DIRECTORY));
        for flags in [libc::O_WRONLY, libc::O_RDWR, libc::O_CREAT, libc::O_TRUNC] {
            assert!(open(true, flags | libc::O_CLOEXEC));
        }
    }

    #[test]
    fn a_descriptor_alone_is_not_looked_up() {
        let stat = |dir: i32, flags: i32| {
            native(false, libc::SYS_newfstatat, [dir as u64, 1, 2, flags as u64, 0, 0]).is_some()
        };
        assert!(!stat(3, libc::AT_EMPTY_PATH));
        assert!(stat(libc::AT_FDCWD, libc::AT_EMPTY_PATH) && stat(3, 0));
    }

    #[test]
    fn of_fcntl_and_ptrace_only_some_requests_count() {
        let fcntl = |command: i32| native(true, libc::SYS_fcntl, [3, command as u64, 0, 0, 0, 0]);
        for command in [libc::F_SETLK, libc::F_SETLKW, libc::F_OFD_SETLK, libc::F_OFD_SETLKW] {
            assert_eq!(fcntl(command), Some(Call::FcntlLock));
        }
        for command in [libc::F_DUPFD, libc::F_GETFL, libc::F_GETLK, libc::F_SETFD] {
            assert_eq!(fcntl(command), None);
        }
        assert_eq!(native(true, libc::SYS_ptrace, [3, 0, 0, 0, 0, 0]), None);
        assert_eq!(native(true, libc::SYS_ptrace, [0; 6]), Some(Call::Ptrace));
    }

    #[test]
    fn times_are_set_by_descriptor_where_there_is_no_path() {
        let times = |path| native(true, libc::SYS_utimensat, [3, path, 0, 0, 0, 0]).is_some();
        assert!(!times(0) && times(1) && times(1 << 40));
    }

    #[test]
    fn other_tables_are_told_apart() {
        let of = |arch, number| verdict(&program(false).unwrap(), arch, number, [0; 6]);
        assert_eq!(of(0x4000_0003, libc::SYS_openat), libc::SECCOMP_RET_ALLOW);
        let verdict = of(ARCHITECTURE.unwrap(), i64::from(X32) | libc::SYS_openat);
        assert_eq!(TABLE[(verdict & 0xffff) as usize].call, Call::Foreign);
    }
}
