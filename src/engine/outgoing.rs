//! The writing half of a lane's stream: what the gateway pushes, numbered, with acknowledgements riding along.
//!
//! No task and no further channel: the HTTP/2 layer polls this stream whenever it can send, and packs what is ready into
//! as few writes as it can.

use std::{
    fmt, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::{Future as _, Stream};
use tokio::{
    sync::oneshot,
    time::{Instant, Sleep, sleep_until},
};
use tonic::Status;

use super::{
    Edge, convert,
    numbering::Numbering,
    sessions::{Attached, Hold, Link, MAX_UNACKED, draining, too_slow},
};
use crate::{
    clock::Clock,
    gateway::lane::ToEngine,
    problem::{Problem, ProblemKind},
    wire::engine::{GatewayFrame, Welcome, gateway_frame::Body},
};

/// Frames that carry nothing but an acknowledgement keep this distance, unless the engine is running out of credits.
const ACK_EVERY: Duration = Duration::from_millis(20);

/// What the Welcome says besides the session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) credits: u32,
    pub(super) max_frame_bytes: u32,
}

pub(super) struct Outgoing {
    edge: Arc<Edge>,
    terms: Terms,
    phase: Phase,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").finish_non_exhaustive()
    }
}

enum Phase {
    /// The reading half is waiting for the Hello.
    Opening(oneshot::Receiver<Result<Attached, Problem>>),
    Open(Open),
    Closed,
}

struct Open {
    hold: Hold,
    /// When the next frame with an acknowledgement alone may go.
    next_ack: Instant,
    timer: Pin<Box<Sleep>>,
}

/// The stream's next step.
enum Next {
    Frame(GatewayFrame),
    End(Option<Problem>),
    Wait,
}

impl Outgoing {
    pub(super) fn new(edge: Arc<Edge>, terms: Terms, opened: oneshot::Receiver<Result<Attached, Problem>>) -> Self {
        Self { edge, terms, phase: Phase::Opening(opened) }
    }

    fn open(&mut self, attached: &Attached) -> GatewayFrame {
        let hold = attached.hold.clone();
        let now = Clock::instant();
        let welcome = Welcome {
            session: hold.session.id.to_string(),
            resumed: attached.resumed,
            last_received: attached.taken,
            credits: self.terms.credits,
            max_frame_bytes: self.terms.max_frame_bytes,
        };
        let ack = hold.with(|numbers, _| numbers.tell()).unwrap_or_default();
        self.phase = Phase::Open(Open { hold, next_ack: now, timer: Box::pin(sleep_until(now)) });
        GatewayFrame { seq: 0, ack, body: Some(Body::Welcome(welcome)) }
    }

    fn close(&mut self, why: Option<Problem>) {
        if let Phase::Open(open) = mem::replace(&mut self.phase, Phase::Closed) {
            open.hold.leave(why, &self.edge.gateway, Clock::instant());
        }
    }
}

impl Drop for Outgoing {
    /// The engine is gone, or the stream has ended.
    fn drop(&mut self) {
        self.close(None);
    }
}

impl Stream for Outgoing {
    type Item = Result<GatewayFrame, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let next = match &mut this.phase {
            Phase::Closed => return Poll::Ready(None),
            Phase::Opening(opened) => match ready!(Pin::new(opened).poll(cx)) {
                Ok(Ok(attached)) => Next::Frame(this.open(&attached)),
                Ok(Err(problem)) => Next::End(Some(problem)),
                Err(_reader_gone) => Next::End(Some(draining())),
            },
            Phase::Open(open) => {
                let credits = this.terms.credits;
                let Open { hold, next_ack, timer } = open;
                let mut pacing = Pacing { next_ack, timer: timer.as_mut(), credits };
                hold.with(|numbers, link| pacing.next(numbers, link, cx))
                    .unwrap_or_else(|| Next::End(Some(hold.why_gone())))
            }
        };
        match next {
            Next::Frame(frame) => Poll::Ready(Some(Ok(frame))),
            Next::Wait => Poll::Pending,
            Next::End(why) => {
                let why = why.map(|it| if this.edge.shutdown.is_cancelled() { draining() } else { it });
                this.close(why.clone());
                Poll::Ready(why.map(|it| Err(it.into())))
            }
        }
    }
}

/// When an acknowledgement may go alone.
struct Pacing<'a> {
    next_ack: &'a mut Instant,
    timer: Pin<&'a mut Sleep>,
    credits: u32,
}

impl Pacing<'_> {
    fn next(&mut self, numbers: &mut Numbering<ToEngine>, link: &mut Link, cx: &mut Context<'_>) -> Next {
        if let Some(frame) = carry(numbers) {
            return Next::Frame(frame);
        }
        if let Some(own) = link.own.pop_front() {
            numbers.keep(own);
        } else {
            loop {
                match link.out.poll_recv(cx) {
                    Poll::Ready(Some(ToEngine::Ack(seq))) => numbers.on_durable(seq),
                    Poll::Ready(Some(frame)) => {
                        numbers.keep(frame);
                        break;
                    }
                    Poll::Ready(None) => return Next::End(link.finishing.take().unwrap_or_else(|| Some(too_slow()))),
                    Poll::Pending => return self.idle(numbers, link, cx),
                }
            }
        }
        if numbers.unacked() > MAX_UNACKED {
            let detail = format!("{MAX_UNACKED} of our frames were never acknowledged");
            return Next::End(Some(Problem::new(ProblemKind::Busy, detail)));
        }
        carry(numbers).map_or(Next::Wait, Next::Frame)
    }

    /// There is nothing to say but, perhaps, an acknowledgement.
    fn idle(&mut self, numbers: &mut Numbering<ToEngine>, link: &mut Link, cx: &mut Context<'_>) -> Next {
        if numbers.ack_due() {
            let now = Clock::instant();
            let urgent = link.finishing.is_some() || numbers.untold() >= u64::from(self.credits / 4).max(1);
            if urgent || now >= *self.next_ack || self.timer_fires(cx) {
                *self.next_ack = now + ACK_EVERY;
                return Next::Frame(GatewayFrame { seq: 0, ack: numbers.tell(), body: None });
            }
        } else if link.finishing.is_some() && numbers.pending() == 0 {
            return Next::End(link.finishing.take().flatten());
        }
        if !link.waker.as_ref().is_some_and(|it| it.will_wake(cx.waker())) {
            link.waker = Some(cx.waker().clone());
        }
        Next::Wait
    }

    fn timer_fires(&mut self, cx: &mut Context<'_>) -> bool {
        if self.timer.deadline() != *self.next_ack {
            self.timer.as_mut().reset(*self.next_ack);
        }
        self.timer.as_mut().poll(cx).is_ready()
    }
}

fn carry(numbers: &mut Numbering<ToEngine>) -> Option<GatewayFrame> {
    let (seq, frame) = numbers.carry()?;
    let body = convert::to_engine(frame);
    Some(GatewayFrame { seq, ack: numbers.tell(), body })
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt as _, StreamExt as _};
    use tokio::sync::watch;
    use tokio_util::sync::CancellationToken;
    use tonic::Code;

    use super::*;
    use crate::engine::{
        Doors,
        testing::{command, gateway, key, push},
    };

    const TERMS: Terms = Terms { credits: 40, max_frame_bytes: 1024 };

    /// A stream whose Welcome has been said, and a second handle to its session.
    async fn welcomed() -> (Outgoing, Attached) {
        let gateway = gateway().await;
        let (_, doors) = watch::channel(Arc::new(Doors::none()));
        let edge = Edge::new(gateway, doors, Arc::default(), CancellationToken::new());
        let open = || edge.sessions.open(key(), None, &edge.gateway, Clock::instant()).unwrap();
        let attached = open();
        let ours = Attached { hold: attached.hold.clone(), ..attached };
        let (opened, opening) = oneshot::channel();
        assert!(opened.send(Ok(attached)).is_ok());
        let mut stream = Outgoing::new(Arc::clone(&edge), TERMS, opening);
        let welcome = stream.next().now_or_never().flatten().unwrap().unwrap();
        assert!(matches!(welcome.body, Some(Body::Welcome(it)) if it.credits == 40 && !it.resumed));
        (stream, ours)
    }

    fn next(stream: &mut Outgoing) -> Option<Option<Result<GatewayFrame, Status>>> {
        stream.next().now_or_never()
    }

    /// Number, acknowledgement and whether it carries anything.
    #[track_caller]
    fn frame(stream: &mut Outgoing) -> (u64, u64, bool) {
        let frame = next(stream).flatten().unwrap().unwrap();
        (frame.seq, frame.ack, frame.body.is_some())
    }

    fn taken(attached: &Attached, upto: u64) {
        attached.hold.with(|numbers, _| (1..=upto).map(|seq| numbers.arrive(seq)).count());
    }

    #[tokio::test]
    async fn an_acknowledgement_rides_on_what_is_said_anyway() {
        let (mut stream, attached) = welcomed().await;
        taken(&attached, 2);
        push(&attached, ToEngine::Ack(1));
        push(&attached, ToEngine::Ack(2));
        push(&attached, command(1));
        assert_eq!(frame(&mut stream), (1, 2, true));
        assert!(next(&mut stream).is_none(), "nothing is left to say");
    }

    #[tokio::test]
    async fn an_acknowledgement_goes_alone_at_once_and_then_keeps_its_distance() {
        let (mut stream, attached) = welcomed().await;
        taken(&attached, 20);
        push(&attached, ToEngine::Ack(1));
        assert_eq!(frame(&mut stream), (0, 1, false));
        push(&attached, ToEngine::Ack(2));
        assert!(next(&mut stream).is_none(), "too soon");
        let began = Clock::instant();
        let later = stream.next().await.unwrap().unwrap();
        assert_eq!(later.ack, 2);
        assert!(began.elapsed() < Duration::from_secs(5));
    }

    #[tokio::test]
    async fn an_engine_that_runs_out_of_credits_does_not_wait() {
        let (mut stream, attached) = welcomed().await;
        taken(&attached, 20);
        push(&attached, ToEngine::Ack(1));
        assert_eq!(frame(&mut stream), (0, 1, false));
        push(&attached, ToEngine::Ack(10));
        assert!(next(&mut stream).is_none(), "a quarter of 40 credits is 10 frames, these are 9");
        push(&attached, ToEngine::Ack(11));
        assert_eq!(frame(&mut stream), (0, 11, false));
    }

    #[tokio::test]
    async fn a_finishing_stream_says_everything_first() {
        let (mut stream, attached) = welcomed().await;
        taken(&attached, 1);
        push(&attached, command(1));
        attached.hold.finish(Some(draining()));
        assert_eq!(frame(&mut stream), (1, 0, true));
        assert!(next(&mut stream).is_none(), "frame 1 of the engine is not durable yet");
        push(&attached, ToEngine::Ack(1));
        assert_eq!(frame(&mut stream), (0, 1, false));
        let end = next(&mut stream).flatten().unwrap().unwrap_err();
        assert_eq!(end.code(), Code::Unavailable);
        assert!(next(&mut stream).flatten().is_none());
    }

    #[tokio::test]
    async fn a_lane_that_the_gateway_cut_ends_with_its_reason() {
        let (mut stream, attached) = welcomed().await;
        attached.hold.with(|_, link| link.out.close());
        let end = next(&mut stream).flatten().unwrap().unwrap_err();
        assert_eq!(end.code(), Code::ResourceExhausted);
    }
}
