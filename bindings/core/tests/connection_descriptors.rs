//! Descriptors of a connection over many links. A test binary of its own, because it counts
//! those of the whole process.

mod scripted;

use std::fs;

use scripted::*;
use serverswap::Event;

fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("Linux").count()
}

#[test]
fn two_hundred_arbiters_leave_no_descriptor_behind() {
    let directory = Directory::new();
    let mut connection = directory.connection();
    let (listener, _, address) = listener();
    let mut descriptors = Vec::new();
    connection.call(inherit(address.clone())).expect("free");
    for round in 0..200 {
        let arbiter = directory.arbiter();
        drive(&mut connection);
        let (mut link, _, fds) = link(&arbiter, &mut connection);
        if round == 0 {
            link.receive();
            link.grant(2, &address, listener.try_clone().expect("a descriptor"));
            assert!(matches!(event(&mut connection), Event::Granted { listener: Some(_), .. }));
        } else {
            assert_eq!(fds.len(), 1);
        }
        drop((arbiter, link, fds));
        drive(&mut connection);
        descriptors.push(open_descriptors());
    }
    assert_eq!(descriptors.first(), descriptors.last());
    drop((connection, listener, directory));
}
