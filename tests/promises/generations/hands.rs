//! What is made with everybody's keys: messages, certificates, reports, decisions.

use std::collections::HashMap;
use std::sync::Arc;

use super::{
    Decision, Explorer, Input, LIAR, Lie, MEMBER, MOST, NONE, SOURCE, Said, all, numbered,
};
use crate::common::{Set, Table, add, dot, named};
use bft_crdts::SecureBroadcastAlgorithm as _;
use bft_crdts::actor::{Signed, Statement};
use bft_crdts::codec::Digest;
use bft_crdts::deterministic_secure_broadcast::{Body, ChangeApproval, Echo, Proposal};
use bft_crdts::dot::Head;
use bft_crdts::evidence::Conflict;
use bft_crdts::membership::{
    Approval, Boundary, Change, ChangeCertificate, CheckedReport, GenerationDraft, GenerationProof,
    Mark, Report, Round, Vote, VoteKind,
};
use bft_crdts::orswot::Op;
use bft_crdts::quorum;
use bft_crdts::snapshot::{Commitment, Snapshot};

impl Explorer {
    pub(super) fn new(lies: bool, generations: usize) -> Self {
        let table = Table::of(4);
        let source = if lies { LIAR } else { SOURCE };
        let actor = table.actor(source);
        let firsts = [1, 2].map(|member| table.first(source, &[add(actor, 1, member)]));
        let digests = [0, 1].map(|letter| table.echo_of(&firsts[letter]).digest);
        let signed = |(generation, letter): Said| {
            let mut proposal = Proposal::clone(&firsts[letter]);
            proposal.generation = numbered(generation);
            proposal.sig = table.echo(source, &proposal).sig;
            Arc::new(proposal)
        };
        let genesis = Boundary::genesis(&table.genesis).expect("a committee");
        Self {
            lies,
            generations,
            dot: dot(actor, 1),
            shown: all(MOST).map(signed).collect(),
            digests,
            decisions: vec![Decision {
                before: NONE,
                boundary: genesis,
                proof: None,
            }],
            table,
            reports: Vec::new(),
            values: HashMap::new(),
            lied: HashMap::new(),
            endings: HashMap::new(),
            nodes: Vec::new(),
            node_ids: HashMap::new(),
            moves: super::Quick::default(),
            runs: 0,
        }
    }

    pub(super) fn message(&self, (generation, letter): Said) -> &Arc<Proposal> {
        &self.shown[2 * generation + letter]
    }

    pub(super) fn letter(&self, digest: &Digest) -> usize {
        let same = self.digests.iter().position(|known| known == digest);
        same.expect("there are two messages")
    }

    /// The source's signature.
    pub(super) fn signature(&self, said: Said) -> Signed<Echo> {
        let proposal = self.message(said);
        Signed {
            statement: self.table.echo_of(proposal),
            signer: self.dot.source,
            sig: proposal.sig,
        }
    }

    pub(super) fn signed<T: Statement + Clone>(
        &self,
        by: &[usize],
        statement: T,
    ) -> quorum::Certificate<T> {
        let (network, seats) = (self.table.network(), self.table.seats());
        let sign = |seat: &usize| {
            let signed = self.table.keys[*seat].sign(&network, statement.clone());
            (seats[*seat], signed.sig)
        };
        quorum::Certificate {
            signatures: by.iter().map(sign).collect(),
            statement,
        }
    }

    pub(super) fn approval(generation: usize) -> Approval {
        Approval {
            generation: numbered(generation),
            change: Change::Renew.key(),
        }
    }

    pub(super) fn bodies(&self, input: Input) -> Vec<Body> {
        match input {
            Input::Shown(said) => vec![Body::Proposal(Arc::clone(self.message(said)))],
            Input::Certified(said, own, signed) => {
                let by = if own { [MEMBER, 2, LIAR] } else { [1, 2, LIAR] };
                let certificate = self.signed(&by, self.table.echo_of(self.message(said)));
                let message = signed.map(|signed| self.message((signed, said.1)));
                let message = message.map(|message| Body::Proposal(Arc::clone(message)));
                let certificate = Body::Certificate(Arc::new(certificate));
                std::iter::once(certificate).chain(message).collect()
            }
            Input::Approved(generation) => {
                let approve = |seat: usize| {
                    let key = &self.table.keys[seat];
                    let approval = Self::approval(generation);
                    Body::Approve(Arc::new(ChangeApproval {
                        change: Change::Renew,
                        approval: key.sign(&self.table.network(), approval).into_claim(),
                    }))
                };
                (0..4).filter(|seat| *seat != MEMBER).map(approve).collect()
            }
            Input::Decided(decision) => {
                let proof = self.decisions[decision as usize].proof.clone();
                vec![Body::GenerationProof(proof.expect("not the genesis"))]
            }
        }
    }

    pub(super) fn report(&mut self, report: Report) -> u32 {
        let known = self.reports.iter().position(|known| *known == report);
        let id = known.unwrap_or(self.reports.len());
        if known.is_none() {
            self.reports.push(report);
        }
        u32::try_from(id).expect("few reports")
    }

    /// The liar's report, if it has the right form.
    pub(super) fn lie(&mut self, tip: u32, lie: Lie) -> Option<u32> {
        if let Some(known) = self.lied.get(&(tip, lie)) {
            return *known;
        }
        let boundary = &self.decisions[tip as usize].boundary;
        let mut report = Report::of(boundary);
        let source = self.dot.source;
        let mark = match lie {
            Lie::Nothing => None,
            Lie::Moved(letter) => {
                report.heads.insert(source, self.head(letter));
                None
            }
            Lie::Lock(said) => Some(Mark::Lock(self.signature(said))),
            Lie::Seal(left, right) => {
                let [left, right] = [left, right].map(|said| self.signature(said));
                Some(Mark::Seal(Conflict { left, right }))
            }
        };
        report.marks.extend(mark.map(|mark| (source, mark)));
        let said = self.table.keys[0].sign(boundary.network(), report.clone());
        let good = CheckedReport::of(boundary, said).is_ok();
        let id = good.then(|| self.report(report));
        self.lied.insert((tip, lie), id);
        id
    }

    pub(super) fn head(&self, letter: usize) -> Head {
        Head {
            seq: self.dot.seq,
            digest: self.digests[letter],
        }
    }

    /// The decision on the boundary that these reports make, if they make one.
    pub(super) fn decide(&mut self, tip: u32, mut reports: Vec<u32>) -> Option<u32> {
        reports.sort_unstable();
        let key = (tip, reports);
        if let Some(known) = self.values.get(&key) {
            return *known;
        }
        let decision = self.decided(tip, &key.1);
        self.values.insert(key, decision);
        decision
    }

    pub(super) fn decided(&mut self, tip: u32, reports: &[u32]) -> Option<u32> {
        let network = self.table.network();
        let last = &self.decisions[tip as usize];
        let (generation, last) = (last.generation(), &last.boundary);
        let reports = reports.iter().zip(&self.table.keys).map(|(report, key)| {
            let report = self.reports[*report as usize].clone();
            CheckedReport::of(last, key.sign(&network, report)).expect("a report that counts")
        });
        let reports: Vec<_> = reports.collect();
        let draft = GenerationDraft {
            parent: last.value(),
            changes: vec![ChangeCertificate {
                change: Change::Renew,
                approvals: Arc::new(self.signed(&[0, 1, 2], Self::approval(generation))),
            }],
            reports: reports.iter().map(CheckedReport::name).collect(),
        };
        let reports = named(&draft, &reports);
        let ending = draft.ending(last, &reports).ok()?;
        let same = |known: &Decision| known.before == tip && **known.boundary.ending() == ending;
        if let Some(known) = self.decisions.iter().position(same) {
            return u32::try_from(known).ok();
        }
        let mut set = Set::new(self.table.actor(0));
        if let Some(head) = ending.frontier.get(&self.dot.source) {
            let message = &self.message((0, self.letter(&head.digest))).message;
            let ops = message.decode::<Op<u8>>(self.table.genesis.limits());
            ops.expect("ours").into_iter().for_each(|op| set.apply(op));
        }
        let state = Commitment::of(&set, &Snapshot::of(&set));
        let value = draft.found(last, &ending, state);
        let boundary = value.check(last, &reports).ok()?.next;
        let vote = Vote {
            generation: last.generation(),
            round: Round::FIRST,
            kind: VoteKind::Precommit(Some(value.digest(&network))),
        };
        let proof = GenerationProof {
            header: value.header(&network),
            certificate: Arc::new(self.signed(&[0, 1, 2], vote)),
            ending: Some(Arc::clone(boundary.ending())),
        };
        self.decisions.push(Decision {
            before: tip,
            boundary,
            proof: Some(Arc::new(proof)),
        });
        u32::try_from(self.decisions.len() - 1).ok()
    }

    /// From the newest decision back to the genesis.
    pub(super) fn chain(&self, tip: u32) -> impl Iterator<Item = (u32, &Decision)> {
        let next = |id: u32| (id != NONE).then(|| (id, &self.decisions[id as usize]));
        std::iter::successors(next(tip), move |(_, decision)| next(decision.before))
    }

    /// The message that a boundary covers or carries on.
    pub(super) fn carried(&self, boundary: &Boundary) -> Option<usize> {
        let head = boundary.frontier().get(&self.dot.source);
        let adopted = boundary.adopted().get(&self.dot.source);
        let digest = head.map(|head| head.digest);
        let digest = digest.or(adopted.map(|lock| lock.statement.digest));
        digest.map(|digest| self.letter(&digest))
    }
}
