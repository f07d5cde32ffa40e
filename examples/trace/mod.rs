//! What the examples that play a network are told on their command line.

use std::path::PathBuf;
use std::{fs, io};

use bft_crdts::net::{Net, SimBuilder};
use bft_crdts::traits::WireAlgorithm;
use clap::Parser;

#[derive(Debug, Parser)]
pub(crate) struct Arguments {
    /// Writes a page that shows the run, to be opened in a browser, and its recording beside it
    #[arg(long, value_name = "PAGE")]
    trace: Option<PathBuf>,
}

impl Arguments {
    /// The network with a recording, if one is wanted; `example` is what it is run by.
    pub(crate) fn record<A: WireAlgorithm>(
        &self,
        example: &str,
        builder: SimBuilder<A>,
    ) -> SimBuilder<A> {
        match self.trace {
            Some(_) => builder.recording(format!("cargo run --release --example {example}")),
            None => builder,
        }
    }

    /// Writes the page, if it is wanted.
    pub(crate) fn write<A: WireAlgorithm>(&self, net: &Net<A>) -> io::Result<()> {
        let Some((page, recording)) = self.trace.as_ref().zip(net.recording()) else {
            return Ok(());
        };
        fs::write(page, recording.page())?;
        fs::write(page.with_extension("jsonl"), recording.lines())
    }
}
