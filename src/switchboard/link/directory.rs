//! A directory, or a change of it, cut into pieces that fit a frame.

use prost::Message as _;

use crate::wire::engine::{Directory, DirectoryDelta};

/// What a frame has around its directory, generously.
const AROUND: usize = 512;

/// What fits into a Hello, and the rest.
pub(super) fn split(whole: Directory, max_bytes: usize) -> (Directory, Vec<DirectoryDelta>) {
    if whole.encoded_len() + AROUND <= max_bytes {
        return (whole, Vec::new());
    }
    let Directory { queues, users, speech_targets } = whole;
    let whole = DirectoryDelta { queues, users, speech_targets, ..DirectoryDelta::default() };
    let mut pieces = pieces(whole, max_bytes);
    let first = pieces.remove(0);
    (Directory { queues: first.queues, users: first.users, speech_targets: first.speech_targets }, pieces)
}

/// The change in one piece or several; there is always one. Removals come first, as they are applied first.
pub(super) fn pieces(delta: DirectoryDelta, max_bytes: usize) -> Vec<DirectoryDelta> {
    if delta.encoded_len() + AROUND <= max_bytes {
        return vec![delta];
    }
    let mut cut = Cut { done: Vec::new(), piece: DirectoryDelta::default(), bytes: AROUND, max_bytes };
    for id in delta.removed_queues {
        cut.add(id.len(), |piece| piece.removed_queues.push(id));
    }
    for id in delta.removed_users {
        cut.add(id.len(), |piece| piece.removed_users.push(id));
    }
    for id in delta.removed_speech_targets {
        cut.add(id.len(), |piece| piece.removed_speech_targets.push(id));
    }
    for queue in delta.queues {
        cut.add(queue.encoded_len(), |piece| piece.queues.push(queue));
    }
    for user in delta.users {
        cut.add(user.encoded_len(), |piece| piece.users.push(user));
    }
    for target in delta.speech_targets {
        cut.add(target.encoded_len(), |piece| piece.speech_targets.push(target));
    }
    cut.done.push(cut.piece);
    cut.done
}

struct Cut {
    done: Vec<DirectoryDelta>,
    piece: DirectoryDelta,
    bytes: usize,
    max_bytes: usize,
}

impl Cut {
    /// An entry that is too large by itself gets a piece of its own, for the gateway to refuse.
    fn add(&mut self, bytes: usize, put: impl FnOnce(&mut DirectoryDelta)) {
        // Its tag and its length.
        let bytes = bytes + 8;
        if self.bytes + bytes > self.max_bytes && self.bytes > AROUND {
            self.done.push(std::mem::take(&mut self.piece));
            self.bytes = AROUND;
        }
        self.bytes += bytes;
        put(&mut self.piece);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::engine::{Queue, User};

    fn large() -> Directory {
        let queue = |n: usize| Queue { id: format!("queue-{n}"), name: "n".repeat(40), open: true, ..Queue::default() };
        let user = |n: usize| User { id: format!("user-{n}"), agent_rights: true, ..User::default() };
        Directory { queues: (0..100).map(queue).collect(), users: (0..300).map(user).collect(), ..Directory::default() }
    }

    #[test]
    fn what_fits_stays_whole() {
        let (first, rest) = split(large(), 1 << 20);
        assert_eq!((first, rest), (large(), vec![]));
    }

    #[test]
    fn a_large_directory_goes_on_by_deltas_and_nothing_is_lost_or_repeated() {
        let (mut first, rest) = split(large(), 2048);
        assert!(rest.len() > 3, "{} pieces", rest.len());
        assert!(first.encoded_len() <= 2048 && !first.queues.is_empty());
        for piece in rest {
            assert!(piece.encoded_len() <= 2048, "{} bytes", piece.encoded_len());
            first.queues.extend(piece.queues);
            first.users.extend(piece.users);
        }
        assert_eq!(first, large());
    }

    #[test]
    fn removals_come_before_what_is_new() {
        let delta = DirectoryDelta {
            removed_users: (0..200).map(|n| format!("gone-{n}")).collect(),
            users: vec![User { id: "gone-7".to_owned(), ..User::default() }],
            ..DirectoryDelta::default()
        };
        let pieces = pieces(delta, 1024);
        assert!(pieces.len() > 1);
        let (last, before) = pieces.split_last().unwrap();
        assert_eq!(last.users.len(), 1);
        assert!(before.iter().all(|it| it.users.is_empty()));
    }
}
