//! The requests that a running node grants, whatever it replicates.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bft_crdts::Actor;
use bft_crdts::bank::{Money, Reference, TransferId};
use bft_crdts::deterministic_secure_broadcast::{Equivocation, Replica};
use bft_crdts::dot::{Dot, Place};
use bft_crdts::membership::{ChangeKey, Origin};
use bft_crdts::node::{Address, Node};
use bft_crdts::verify::{self, Proof};
use tokio::sync::{Mutex, Notify, oneshot};

use crate::checkup;
use crate::home::{self, Home};
use crate::kinds::{Question, Service, Wanted};
use crate::last_run::LastRun;
use crate::name::Name;
use crate::payments::{self, OperationPlace, PaymentPlace, Which};
use crate::protocol::{Answer, Evidence, Operation, Refusal, Reply, Request, Wished, Words};
use crate::snapshot;
use crate::times::Times;
use crate::view;

/// The longest that a node may take to say how it is.
const LONGEST_CHECKUP: Duration = Duration::from_secs(60);

/// A running node and the directory that it runs in. Clones speak of the same one.
#[derive(Clone)]
pub(crate) struct Desk<A: Service> {
    pub(crate) node: Node<A>,
    pub(crate) home: Home,
    /// Held by who writes a file of guests or evidence: requests come at once.
    pub(crate) writing: Arc<Mutex<()>>,
    /// How the node that ran here last was.
    pub(crate) last: Arc<Option<LastRun>>,
    /// With whose state the network began.
    pub(crate) origin: Option<Origin>,
    /// What is told of where it listens.
    pub(crate) listens: Option<Address>,
    /// When messages took effect here.
    pub(crate) times: Arc<Times>,
    /// Notified when somebody asks the node to stop.
    pub(crate) stop: Arc<Notify>,
}

impl<A: Service> Desk<A> {
    /// Grants a request, or says why not. [`Request::Events`] is answered by a
    /// [`Stream`](crate::stream::Stream). `taken` is told of an operation that is durable, while
    /// the answer waits for its delivery.
    pub(crate) async fn grant(&self, request: Request, taken: oneshot::Sender<Reply>) -> Answer {
        match request {
            Request::Status
            | Request::Members
            | Request::Why
            | Request::Requests
            | Request::Words => self.tell(request).await,
            Request::Invite { actor } => self.invite(&actor).await,
            Request::Approve { change } => self.approve(change).await,
            Request::Admit { actor } => self.approve(Wished::Join { actor }).await,
            Request::Expel { actor } => self.approve(Wished::Leave { actor }).await,
            Request::Renew => self.approve(Wished::Renew).await,
            Request::Leave => {
                let actor = self.node.actor().into();
                self.approve(Wished::Leave { actor }).await
            }
            Request::Ask => {
                self.node.join().await?;
                Ok(Reply::Done)
            }
            Request::Evidence => self.evidence().await,
            Request::Snapshot => {
                let _writing = self.writing.lock().await;
                let certified = self.node.read(Replica::certified_state).await?;
                Ok(Reply::Snapshot(snapshot::write(&self.home, certified)?))
            }
            Request::Health { millis } => {
                let patience = Duration::from_millis(millis).min(LONGEST_CHECKUP);
                checkup::of(self, patience).await
            }
            Request::Stop => {
                self.stop.notify_one();
                Ok(Reply::Done)
            }
            Request::Operation { place } => self.operation(&place).await,
            Request::Receipt { place, since, .. } => self.receipt(&place, since).await,
            Request::Pending => {
                let pending = self.node.read(payments::pending).await?;
                Ok(Reply::Pending(pending))
            }
            Request::History { actor, last } => self.history(actor, last).await,
            operation_or_question => self.use_state(operation_or_question, taken).await,
        }
    }

    // ---- the node

    async fn tell(&self, request: Request) -> Answer {
        if request == Request::Words {
            let actors = self.known().await?;
            let members = self.node.read(|replica| replica.algorithm().words());
            return Ok(Reply::Words(Words {
                actors: actors.iter().map(Actor::to_string).collect(),
                members: members.await?,
            }));
        }
        let status = self.node.status().await?;
        let listens = self.listens.clone();
        Ok(match request {
            Request::Members => Reply::Members(view::members(&status, listens.as_ref())),
            Request::Why => Reply::Why(view::why(&status)),
            Request::Requests => Reply::Requests(view::wishes(&status)),
            _ => {
                let network = self.node.network().digest().to_string();
                let header = self.newest_header().await?;
                let status = view::status(&status, A::KIND, network, header, self.origin, listens);
                Reply::Status(Box::new(status))
            }
        })
    }

    async fn invite(&self, guest: &Name) -> Answer {
        let guest = newcomer(guest)?;
        let writing = self.writing.lock().await;
        self.home.add_guest(guest)?;
        drop(writing);
        let invitation = self.node.invite(guest).await?;
        Ok(Reply::Invitation(invitation.to_string()))
    }

    async fn approve(&self, change: Wished) -> Answer {
        let change = match change {
            Wished::Join { actor } => ChangeKey::Join(newcomer(&actor)?),
            Wished::Leave { actor } => ChangeKey::Leave(self.resolve(&actor).await?),
            Wished::Renew => ChangeKey::Renew,
        };
        let before = self.node.status().await?;
        self.node.approve(change).await?;
        let status = self.node.status().await?;
        let mut wishes = status.wishes.iter();
        let approved_by = wishes.find(|(wish, _)| *wish == change);
        // What is wished for no more was made meanwhile.
        let quorum = before.quorum;
        let approvals = approved_by.map_or(quorum, |(_, actors)| actors.len());
        Ok(Reply::Approved { approvals, quorum })
    }

    /// Writes the evidence against each convicted actor into a file.
    pub(crate) async fn evidence(&self) -> Answer {
        let convicted = self.node.read(|replica| replica.convicted().clone());
        let mut files = Vec::new();
        for (accused, evidence) in convicted.await? {
            files.push(Evidence {
                accused: accused.to_string(),
                file: self.write_evidence(&evidence).await?,
            });
        }
        Ok(Reply::Evidence(files))
    }

    /// Writes evidence for whoever asks for it later. The name of its file.
    pub(crate) async fn write_evidence(&self, evidence: &Equivocation) -> Result<String, Refusal> {
        let _writing = self.writing.lock().await;
        let file = self.home.evidence(&evidence.accused());
        let proof = Proof::Evidence(verify::Evidence {
            network: self.node.network(),
            equivocation: evidence.clone(),
        });
        self.home.write(file.clone(), &proof.to_bytes())?;
        Ok(home::absolute(&file))
    }

    // ---- the state

    async fn use_state(&self, request: Request, taken: oneshot::Sender<Reply>) -> Answer {
        if !request.kinds().contains(&A::KIND) {
            return Err(Refusal::OtherKind(A::KIND));
        }
        match request {
            Request::Add { members, .. } => self.propose(Wanted::Add(members), taken).await,
            Request::Remove { members, .. } => self.propose(Wanted::Remove(members), taken).await,
            Request::AddMissing { members } => self.change(Wanted::AddMissing(members)).await,
            Request::RemovePresent { members } => self.change(Wanted::RemovePresent(members)).await,
            Request::PutMissing { puts } => self.put_missing(puts).await,
            Request::Open { amount } => {
                self.propose(Wanted::Open(amount.map(Money::new)), taken)
                    .await
            }
            Request::Pay {
                actor,
                amount,
                reference,
                ..
            } => {
                let payee = self.resolve(&actor).await?;
                self.pay(payee, Money::new(amount), reference, taken).await
            }
            Request::Payment { which } => self.payment(&which).await,
            Request::Balance { actor: Some(actor) } => {
                let owner = self.resolve(&actor).await?;
                self.look(Question::Balance(owner)).await
            }
            Request::Balance { actor: None } => {
                self.look(Question::Balance(self.node.actor())).await
            }
            Request::Accounts => self.look(Question::Accounts).await,
            Request::Rules => self.look(Question::Rules).await,
            Request::Incr { amount } => self.propose(Wanted::Increase(amount), taken).await,
            Request::Put { key, value, .. } => self.propose(Wanted::Put(key, value), taken).await,
            Request::Insert { at, text } => self.propose(Wanted::Insert(at, text), taken).await,
            Request::Delete { key, count } => self.propose(Wanted::Delete(key, count), taken).await,
            Request::Prove { key, since, .. } => self.prove(key, since).await,
            Request::Get { key } => self.look(Question::Get(key)).await,
            _ => self.look(Question::List).await,
        }
    }

    async fn look(&self, question: Question) -> Answer {
        let read = move |replica: &Replica<A>| replica.algorithm().look(question);
        self.node.read(read).await?
    }

    /// Makes the operation on the state that is ahead, and waits for its delivery; or several, when
    /// one is too large. `taken` is told of the first when it is durable.
    async fn propose(&self, wanted: Wanted, taken: oneshot::Sender<Reply>) -> Answer {
        let tell = |place| self.tell_taken(place, taken);
        let delivered = self.propose_unless_done(wanted, tell).await?;
        let (delivered, _) = delivered.expect("only a payment is done already");
        Ok(Reply::Delivered(view::place(&delivered)))
    }

    /// The same; nothing when what is wanted was done before. The place of the first operation is
    /// handed to `taken` when it is durable. With the message of the last one, how many elements
    /// are changed.
    pub(crate) async fn propose_unless_done<F: Future<Output = ()>>(
        &self,
        wanted: Wanted,
        taken: impl FnOnce(Place) -> F,
    ) -> Result<Option<(Dot, u64)>, Refusal> {
        let bytes = self
            .node
            .read(|replica| replica.limits().op_bytes())
            .await?;
        let (tell, told) = oneshot::channel();
        let make = move |state: &A| {
            let mut operations = state.operations(wanted, bytes).map(Vec::into_iter);
            let first = operations.as_mut().ok().and_then(Iterator::next);
            let elements = first.as_ref().map(A::elements);
            // Nobody waits for the rest when the connection is gone.
            let _ = tell.send(operations.map(|rest| (elements, rest)));
            first
        };
        let first = self.node.submit_with(make).await;
        let Ok(made) = told.await else {
            return Err(first.map_or_else(Refusal::from, |_| Refusal::Stopped));
        };
        let (elements, rest) = made?;
        let Some(elements) = elements else {
            return Ok(None);
        };
        let first = first?;
        taken(first.place()).await;
        let mut last = first.delivered().await?;
        for operation in rest {
            last = self.node.propose(operation).await?;
        }
        Ok(Some((last, elements)))
    }

    /// Tells of an operation that is durable.
    async fn tell_taken(&self, place: Place, taken: oneshot::Sender<Reply>) {
        if let Ok(Some(operation)) = self.find_operation(place).await {
            // Whoever asked may be gone.
            let _ = taken.send(Reply::Taken(operation));
        }
    }

    async fn operation(&self, text: &str) -> Answer {
        let unknown = || Refusal::NoOperation(text.to_owned());
        let place = OperationPlace::of(text).ok_or_else(unknown)?;
        let place = place.at(self.resolve(&place.source).await?);
        let found = self.find_operation(place).await?;
        Ok(Reply::Operation(found.ok_or_else(unknown)?))
    }

    async fn find_operation(&self, place: Place) -> Result<Option<Operation>, Refusal> {
        let find = move |replica: &Replica<A>| payments::find_operation(replica, &place);
        Ok(self.node.read(find).await?)
    }

    // ---- payments

    async fn pay(
        &self,
        payee: Actor,
        amount: Money,
        reference: Option<String>,
        taken: oneshot::Sender<Reply>,
    ) -> Answer {
        let reference = reference
            .map(Reference::try_from)
            .transpose()
            .map_err(|why| Refusal::Reference(why.to_string()))?;
        let wanted = Wanted::Pay(payee, amount, reference.clone());
        let tell = |place| self.tell_taken(place, taken);
        match self.propose_unless_done(wanted, tell).await? {
            Some((dot, _)) => Ok(Reply::Delivered(view::place(&dot))),
            None => {
                let reference = reference.expect("only what has a reference is done already");
                let text = reference.to_string();
                let found = self.find(Which::Reference(reference)).await?;
                found.ok_or(Refusal::NoPayment(text))
            }
        }
    }

    /// By its reference, if this actor made a payment under it; else by its place.
    async fn payment(&self, text: &str) -> Answer {
        if let Ok(reference) = text.parse()
            && let Some(found) = self.find(Which::Reference(reference)).await?
        {
            return Ok(found);
        }
        if let Some(place) = PaymentPlace::of(text) {
            let (source, number) = (self.resolve(&place.payer).await?, place.number);
            let found = self.find(Which::Place(TransferId { source, number }));
            if let Some(found) = found.await? {
                return Ok(found);
            }
        }
        Err(Refusal::NoPayment(text.to_owned()))
    }

    async fn find(&self, which: Which) -> Result<Option<Reply>, Refusal> {
        let found = self
            .node
            .read(move |replica| A::find_payment(replica, &which));
        Ok(found.await?.map(Reply::Payment))
    }

    async fn history(&self, actor: Option<Name>, last: u32) -> Answer {
        let source = match actor {
            Some(actor) => self.resolve(&actor).await?,
            None => self.node.actor(),
        };
        let read = move |replica: &Replica<A>| payments::history(replica, &source, last as usize);
        Ok(Reply::History(self.node.read(read).await?))
    }

    // ---- names

    pub(crate) async fn resolve(&self, name: &Name) -> Result<Actor, Refusal> {
        match name.actor() {
            Some(actor) => Ok(actor),
            None => Ok(name.resolve(&self.known().await?)?),
        }
    }

    /// All actors that this node has heard of: once a member, convicted, in the address book,
    /// invited, or asking.
    async fn known(&self) -> Result<BTreeSet<Actor>, Refusal> {
        let known = self.node.read(|replica| {
            let mut known: BTreeSet<_> = replica.sources().copied().collect();
            known.extend(replica.convicted().keys());
            known
        });
        let mut known = known.await?;
        known.extend(self.node.book().into_iter().map(|(actor, _)| actor));
        known.extend(self.home.guests()?);
        known.extend(self.node.asked().iter().filter_map(|change| match change {
            ChangeKey::Join(actor) | ChangeKey::Leave(actor) => Some(*actor),
            ChangeKey::Renew => None,
        }));
        Ok(known)
    }
}

/// Who is to be let in. Its name is taken whole: strangers can make keys that begin like that of a
/// guest.
fn newcomer(name: &Name) -> Result<Actor, Refusal> {
    name.actor().ok_or_else(|| Refusal::Short(name.to_string()))
}
