//! One client connection, TCP or Unix, read and written through a shared reference.

use std::io;
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream};

use super::target::Target;

/// A connected socket.
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// What became of a connection while nothing was sent on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Idle {
    /// The peer said nothing.
    Quiet,
    /// The peer closed it, or sent what nobody asked for.
    Over,
    /// It was reset. The kernel says so once: later reads find an ordinary end.
    Reset,
}

impl Stream {
    pub(super) async fn connect(target: &Target) -> io::Result<Stream> {
        match target {
            Target::Tcp(socket) => {
                let stream = TcpStream::connect(socket).await?;
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
            Target::Unix(path) => UnixStream::connect(path).await.map(Stream::Unix),
        }
    }

    /// Returns as soon as the peer ends the connection, and after `pause` otherwise.
    pub(super) async fn idle(&self, pause: Duration) -> Idle {
        let ended = async {
            loop {
                // What was readable before may have been read since: only a look tells.
                let _ = self.readable().await;
                match self.look() {
                    Idle::Quiet => {}
                    end @ (Idle::Over | Idle::Reset) => return end,
                }
            }
        };
        tokio::time::timeout(pause, ended).await.unwrap_or(Idle::Quiet)
    }

    /// What a correct client sees just before it uses a connection again.
    pub(super) fn look(&self) -> Idle {
        match self.try_read(&mut [0]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Idle::Quiet,
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Idle::Reset,
            Ok(_) | Err(_) => Idle::Over,
        }
    }

    pub(super) async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.readable().await?;
            match self.try_read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
        }
    }

    pub(super) async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.writable().await?;
            match self.try_write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn readable(&self) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.readable().await,
            Stream::Unix(stream) => stream.readable().await,
        }
    }

    async fn writable(&self) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.writable().await,
            Stream::Unix(stream) => stream.writable().await,
        }
    }

    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.try_read(buffer),
            Stream::Unix(stream) => stream.try_read(buffer),
        }
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.try_write(bytes),
            Stream::Unix(stream) => stream.try_write(bytes),
        }
    }
}
