//! What the machine allows us and how it is called: open files, its name, its address.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    path::Path,
};

use rustix::{
    fs::statvfs,
    process::{Resource, Rlimit, getrlimit, setrlimit},
    system::uname,
};

/// What shells usually give a process; taken where a limit cannot be told.
const USUAL: usize = 1_024;

/// Lets this process open as many files as the machine allows; each connection is one, and the usual limit is far below that.
/// Whoever counts connections asks `open_files`.
///
/// # Errors
/// When it is refused; the old limit goes on.
pub fn raise_open_files() -> io::Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return Ok(());
    }
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

/// How many files this process may open.
pub(super) fn open_files() -> usize {
    let Some(current) = getrlimit(Resource::Nofile).current else { return usize::MAX };
    usize::try_from(current).unwrap_or(USUAL)
}

/// How much may still be written where a directory is; `None`: it cannot be told.
pub(super) fn free_bytes(directory: &Path) -> Option<u64> {
    let disk = statvfs(directory).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// The machine's name, where it has a useful one.
pub(super) fn host_name() -> Option<String> {
    let name = uname().nodename().to_str().ok()?.to_owned();
    (!name.is_empty() && name != "(none)" && name != "localhost").then_some(name)
}

/// The address by which other machines most likely reach this one: that of the way out. Nothing is sent.
pub(super) fn way_out(like: IpAddr) -> Option<IpAddr> {
    // Addresses of documentation: nobody has them, and the default route leads there.
    let (from, to): (IpAddr, IpAddr) = match like {
        IpAddr::V4(_) => (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into()),
        IpAddr::V6(_) => (Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()),
    };
    let socket = UdpSocket::bind(SocketAddr::new(from, 0)).ok()?;
    socket.connect(SocketAddr::new(to, 9)).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_unspecified() && !ip.is_loopback()).then_some(ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_files_may_be_open_as_the_machine_allows() {
        raise_open_files().unwrap();
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        assert_eq!(current, maximum);
        let files = maximum.map_or(usize::MAX, |it| usize::try_from(it).unwrap());
        assert_eq!(open_files(), files);
    }

    #[test]
    fn free_space_is_told_where_there_is_a_directory() {
        assert!(free_bytes(Path::new("/")).is_some() && free_bytes(Path::new("/none/such")).is_none());
    }

    #[test]
    fn the_way_out_is_never_this_machine_alone() {
        for like in [IpAddr::from(Ipv4Addr::UNSPECIFIED), Ipv6Addr::UNSPECIFIED.into()] {
            if let Some(ip) = way_out(like) {
                assert!(ip.is_ipv4() == like.is_ipv4() && !ip.is_loopback() && !ip.is_unspecified(), "{ip}");
            }
        }
    }
}
