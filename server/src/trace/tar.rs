//! A folder of plain files as a tar archive (POSIX.1-1988 ustar), made while it is sent.

use crate::edge::Problem;
use bytes::Bytes;
use futures_util::{Stream, stream};
use std::{collections::VecDeque, io, path::PathBuf};
use tokio::{fs::File, io::AsyncReadExt};

/// The block that everything is a multiple of.
const BLOCK: usize = 512;
/// How much is read at a time.
const CHUNK: usize = 64 * 1024;

/// A file of the archive.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// Its name in the archive, at most 100 bytes.
    pub(super) name: String,
    /// Where it is read from.
    pub(super) path: PathBuf,
    /// How many bytes it has.
    pub(super) size: u64,
}

/// The header of a member. Only its name and size are said: the rest would tell nothing.
///
/// # Errors
/// `internal` when the name is too long or the size does not go in.
pub(super) fn header(name: &str, size: u64) -> Result<[u8; BLOCK], Problem> {
    if name.len() > 100 || size >= 1 << 33 {
        return Err(Problem::internal(format!("`{name}` does not go into tar")));
    }
    let size = format!("{size:011o}\0");
    let mut header = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| {
        for (to, byte) in header.iter_mut().skip(at).zip(bytes) {
            *to = *byte;
        }
    };
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, size.as_bytes());
    put(136, b"00000000000\0");
    // The sum counts itself as blanks.
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    let sum = format!("{sum:06o}\0 ");
    for (to, byte) in header.iter_mut().skip(148).zip(sum.as_bytes()) {
        *to = *byte;
    }
    Ok(header)
}

/// How many zero bytes follow `size` bytes.
fn padding(size: u64) -> usize {
    let over = usize::try_from(size % BLOCK as u64).unwrap_or(0);
    (BLOCK - over) % BLOCK
}

/// The archive as it is sent. `held` is let go when it is sent or given up.
pub(super) fn archive<H: 'static>(
    members: Vec<Member>,
    held: H,
) -> impl Stream<Item = io::Result<Bytes>> {
    let state = Sending {
        members: members.into(),
        open: None,
        ended: false,
        _held: held,
    };
    stream::try_unfold(state, |mut state| async move {
        let next = state.next().await?;
        Ok(next.map(|bytes| (bytes, state)))
    })
}

struct Sending<H> {
    members: VecDeque<Member>,
    /// The file that is being sent, what is left of it, and the zeros after it.
    open: Option<(File, u64, usize)>,
    ended: bool,
    _held: H,
}

impl<H> Sending<H> {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if let Some((file, left, zeros)) = self.open.take() {
            return self.go_on(file, left, zeros).await.map(Some);
        }
        let Some(member) = self.members.pop_front() else {
            let last = !std::mem::replace(&mut self.ended, true);
            return Ok(last.then(|| Bytes::from(vec![0; 2 * BLOCK])));
        };
        let header = header(&member.name, member.size).map_err(io::Error::other)?;
        let file = File::open(&member.path).await?;
        self.open = Some((file, member.size, padding(member.size)));
        Ok(Some(Bytes::copy_from_slice(&header)))
    }

    async fn go_on(&mut self, mut file: File, left: u64, zeros: usize) -> io::Result<Bytes> {
        if left == 0 {
            return Ok(Bytes::from(vec![0; zeros]));
        }
        let want = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        let mut chunk = vec![0; want];
        file.read_exact(&mut chunk).await?;
        self.open = Some((file, left - want as u64, zeros));
        Ok(Bytes::from(chunk))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::TryStreamExt;
    use std::{fs, process::Command};

    #[actix_web::test]
    async fn the_systems_tar_reads_what_is_sent() {
        let folder = tempfile::tempdir().unwrap();
        let mut members = Vec::new();
        for size in [0usize, 1, 511, 512, 513, 200_000] {
            let (name, path) = (format!("a/{size}"), folder.path().join(size.to_string()));
            fs::write(&path, vec![7; size]).unwrap();
            let size = size as u64;
            members.push(Member { name, path, size });
        }
        let sent: Vec<Bytes> = archive(members.clone(), ()).try_collect().await.unwrap();
        let sent = sent.concat();
        assert_eq!(sent.len() % BLOCK, 0);
        let archive = folder.path().join("archive.tar");
        let out = folder.path().join("out");
        fs::write(&archive, sent).unwrap();
        fs::create_dir(&out).unwrap();
        let mut tar = Command::new("tar");
        tar.arg("-xf").arg(&archive).arg("-C").arg(&out);
        assert!(tar.status().unwrap().success());
        for member in members {
            let (there, here) = (fs::read(out.join(member.name)), fs::read(member.path));
            assert_eq!(there.unwrap(), here.unwrap());
        }
    }

    #[test]
    fn a_name_or_a_size_that_does_not_go_in_is_refused() {
        assert!(header(&"x".repeat(101), 1).is_err());
        assert!(header("x", 1 << 33).is_err());
    }
}
