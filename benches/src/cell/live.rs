//! A contestant that stays up and takes its turn again and again.

use contestant::client::{Client, ClientError};
use contestant::protocol::Start;
use results::schema::Measurement;
use workloads::usage::run_delay_ns;

use super::execute::{COUNTING, Launcher, counted_run, failed};
use crate::matrix::Cell;
use crate::params::{self, Overrides};

/// One cell, started and warm. Between its turns its workers sleep.
#[derive(Debug)]
pub struct Live {
    client: Client,
    iterations: u64,
    samples_ns: Vec<f64>,
}

impl Launcher {
    /// Starts `cell` in a fresh process and runs `iterations` to verify it and to warm it up. Each
    /// turn will have as many.
    ///
    /// # Errors
    /// The contestant's.
    pub fn open(
        &self,
        cell: &Cell,
        overrides: &Overrides,
        iterations: u64,
    ) -> Result<Live, ClientError> {
        let mut client = Client::launch(&cell.runtime.program, self.deadline)?;
        self.interrupt.attend(client.process());
        client.start(Start {
            runtime: cell.runtime.name().to_owned(),
            workload: cell.workload.name.to_owned(),
            workers: cell.workers,
            params: params::to_map(&overrides.of(cell.workload)),
        })?;
        client.run(iterations, false, "verification")?;
        Ok(Live { client, iterations, samples_ns: Vec::new() })
    }
}

impl Live {
    /// Takes one turn.
    ///
    /// # Errors
    /// The contestant's.
    pub fn take_turn(&mut self) -> Result<(), ClientError> {
        let sample = self.client.run(self.iterations, false, "a slice")?;
        self.samples_ns.push(sample.elapsed_ns as f64 / self.iterations as f64);
        Ok(())
    }

    /// How long its threads that live now have waited for a processor, in nanoseconds.
    pub fn run_delay_ns(&self) -> u64 {
        run_delay_ns(self.client.process().id())
    }

    /// One more turn, in which everything is counted, and the end. The samples are the turns
    /// before.
    ///
    /// # Errors
    /// The contestant's, also if its counters break a law.
    pub fn close(mut self) -> Result<Measurement, ClientError> {
        let counted = counted_run(&mut self.client, self.iterations, COUNTING)?;
        match self.client.shutdown()?.broken_law {
            Some(law) => Err(failed(format!("broken counter law: {law}"))),
            None => Ok(Measurement { samples_ns: self.samples_ns, ..counted }),
        }
    }
}
