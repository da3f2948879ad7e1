//! Sockets that are bound and connected: an address is a name like a path,
//! and for the file system's addresses it is one.
//!
//! Of the internet's addresses only the port counts, and only where both ends
//! are this machine's.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use rustix::net::SocketType;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use super::after::{Change, Pending};
use super::before::Arguments;
use super::raw;
use super::resolve::join;
use super::table::Who;
use super::tracer::Tracer;
use crate::run::footprint::Op;

/// A socket's address, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
enum Address {
    /// A path, absolute or not.
    Path(Vec<u8>),
    /// A name in no file system.
    Abstract(Vec<u8>),
    /// A port of an internet address.
    Port(IpAddr, u16),
}

/// Which internet addresses are this machine's, as far as has been asked.
#[derive(Debug, Default)]
pub struct Local(HashMap<IpAddr, bool>);

impl Local {
    fn is(&mut self, address: IpAddr) -> bool {
        // Only what is its own can be bound.
        let ask = |address: &IpAddr| UdpSocket::bind((*address, 0)).is_ok();
        address.is_loopback()
            || address.is_unspecified()
            || *self.0.entry(address).or_insert_with_key(ask)
    }
}

impl Tracer {
    pub(super) fn bind(&mut self, who: Who, a: &Arguments) -> Option<Pending> {
        let (path, file) = match self.address(who, a)? {
            Address::Path(path) => {
                let seen = self.see_from_here(who, &path, false)?;
                (seen.path, seen.file)
            }
            Address::Abstract(name) => (abstract_path(&name), None),
            // Port 0 is any that is free.
            Address::Port(_, 0) => return None,
            Address::Port(_, port) => (port_path(who, a[0], port), None),
        };
        let new = path.starts_with(b"/");
        Some(Pending::Change(Change { path, file, done: Op::Bind, taken: Op::Taken, new }))
    }

    pub(super) fn connect(&mut self, who: Who, a: &Arguments) {
        match self.address(who, a) {
            Some(Address::Path(path)) => {
                if let Some(seen) = self.see_from_here(who, &path, true) {
                    self.touch(who, Op::Connect, &seen.path, seen.file.map(|file| file.id));
                }
            }
            Some(Address::Abstract(name)) => {
                self.touch(who, Op::Connect, &abstract_path(&name), None);
            }
            Some(Address::Port(address, port)) if port != 0 && self.local.is(address) => {
                self.touch(who, Op::Connect, &port_path(who, a[0], port), None);
            }
            _ => {}
        }
    }

    /// The address that bind(2) and connect(2) are given.
    fn address(&mut self, who: Who, a: &Arguments) -> Option<Address> {
        let mut bytes = [0; 128];
        let length = (a[2] as u32 as usize).min(bytes.len());
        let bytes = &mut bytes[..length];
        let read = self.had(who, raw::read_memory(who.tid, a[1], bytes))?;
        (read == length).then(|| parse(bytes))?
    }

    fn see_from_here(
        &mut self,
        who: Who,
        path: &[u8],
        follow: bool,
    ) -> Option<super::resolve::Seen> {
        let base = self.base(who, libc::AT_FDCWD)?;
        self.see(who, &join(&base, path), follow)
    }
}

fn abstract_path(name: &[u8]) -> Vec<u8> {
    [b"unix:", name].concat()
}

fn port_path(who: Who, fd: u64, port: u16) -> Vec<u8> {
    let kind = if is_datagram(who.pid, fd as i32) { "udp" } else { "tcp" };
    format!("{kind}:{port}").into_bytes()
}

/// Only the socket itself knows; so it is borrowed.
fn is_datagram(pid: u32, fd: i32) -> bool {
    let kind = || {
        let process = pidfd_open(Pid::from_raw(pid as i32)?, PidfdFlags::empty()).ok()?;
        let socket = pidfd_getfd(process, fd, PidfdGetfdFlags::empty()).ok()?;
        rustix::net::sockopt::socket_type(socket).ok()
    };
    kind() == Some(SocketType::DGRAM)
}

/// Reads a `struct sockaddr`.
fn parse(bytes: &[u8]) -> Option<Address> {
    let (family, rest) = bytes.split_first_chunk::<2>()?;
    match i32::from(u16::from_ne_bytes(*family)) {
        libc::AF_UNIX => match rest.split_first() {
            // (Without a name the system gives it one.)
            None => None,
            Some((0, name)) => Some(Address::Abstract(name.to_vec())),
            Some(_) => {
                let path = rest.split(|b| *b == 0).next().unwrap_or_default();
                Some(Address::Path(path.to_vec()))
            }
        },
        libc::AF_INET => {
            let (port, rest) = rest.split_first_chunk::<2>()?;
            let address = Ipv4Addr::from(*rest.first_chunk::<4>()?);
            Some(Address::Port(address.into(), u16::from_be_bytes(*port)))
        }
        libc::AF_INET6 => {
            let (port, rest) = rest.split_first_chunk::<2>()?;
            let address = Ipv6Addr::from(*rest.get(4..)?.first_chunk::<16>()?);
            Some(Address::Port(address.to_canonical(), u16::from_be_bytes(*port)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(family: i32, rest: &[u8]) -> Option<Address> {
        parse(&[&(family as u16).to_ne_bytes()[..], rest].concat())
    }

    #[test]
    fn addresses_are_paths_names_or_ports() {
        let path = Address::Path(b"/run/x".to_vec());
        assert_eq!(parsed(libc::AF_UNIX, b"/run/x\0\0rest"), Some(path));
        let name = Address::Abstract(b"a\0b".to_vec());
        assert_eq!(parsed(libc::AF_UNIX, b"\0a\0b"), Some(name));
        assert_eq!(parsed(libc::AF_UNIX, b""), None);
        let port = Address::Port(Ipv4Addr::new(10, 0, 0, 1).into(), 443);
        assert_eq!(parsed(libc::AF_INET, &[1, 187, 10, 0, 0, 1, 0, 0]), Some(port));
        let mut six = vec![0, 80, 0, 0, 0, 0];
        six.extend(Ipv4Addr::LOCALHOST.to_ipv6_mapped().octets());
        assert_eq!(
            parsed(libc::AF_INET6, &six),
            Some(Address::Port(Ipv4Addr::LOCALHOST.into(), 80))
        );
        assert_eq!(parsed(libc::AF_INET6, &six[..8]), None, "cut short");
        assert_eq!(parsed(libc::AF_NETLINK, &[0; 10]), None);
    }

    #[test]
    fn an_address_is_this_machines_or_not() {
        let mut local = Local::default();
        assert!(local.is(Ipv4Addr::new(127, 0, 0, 53).into()));
        assert!(local.is(Ipv6Addr::UNSPECIFIED.into()));
        // For documentation only: nobody has it.
        assert!(!local.is(Ipv4Addr::new(192, 0, 2, 1).into()));
    }
}
