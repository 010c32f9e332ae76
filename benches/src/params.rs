//! `--param workload.name=value`: the workloads' parameters from the command line.

use std::collections::BTreeMap;

use workloads::Params;
use workloads::workload::ParamError;

use crate::contestants::names::{self, NameError};

/// Values that replace defaults, checked against the workloads' definitions.
#[derive(Clone, Debug, Default)]
pub struct Overrides(BTreeMap<&'static str, Params>);

/// Why a `--param` was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OverrideError {
    /// Not of the form `workload.name=value`.
    #[error("`{0}` is not of the form workload.name=value, for example ping_pong.pairs=100")]
    Form(String),
    /// No workload of that name.
    #[error("`{given}`: {source}")]
    Workload {
        /// The whole argument.
        given: String,
        /// Which there are.
        source: NameError,
    },
    /// Not a whole number.
    #[error("`{given}`: `{value}` is not a whole number")]
    Number {
        /// The whole argument.
        given: String,
        /// What stands for the value.
        value: String,
    },
    /// The workload refuses it.
    #[error("`{given}` is refused")]
    Refused {
        /// The whole argument.
        given: String,
        /// Why.
        source: ParamError,
    },
}

/// Parameters of a short run: an iteration of these workloads takes long with their defaults. Only
/// the number of samples shrinks, never the load.
const SHORT: &[(&str, &str, u64)] = &[("poisson", "requests", 20_000), ("trickle", "wakes", 200)];

/// What workloads call the seed of what they draw.
const SEED: &str = "seed";

impl Overrides {
    /// What a short run replaces; [`parse_more`](Self::parse_more) adds the user's own.
    pub fn short() -> Self {
        let mut overrides = Self::default();
        for definition in workloads::definitions() {
            for &(_, name, value) in
                SHORT.iter().filter(|(workload, ..)| *workload == definition.name)
            {
                let params = overrides
                    .0
                    .entry(definition.name)
                    .or_insert_with(|| Params::defaults(definition));
                // A test holds the table against the definitions.
                let _ = params.set(definition, name, value);
            }
        }
        overrides
    }

    /// What a round, counted from 0, is run with: workloads that draw from a seed get another in
    /// each, the same for every runtime. Replayed, one trace would count as so many samples of the
    /// load as there are rounds, and its luck would stay in all of them.
    pub fn in_round(&self, round: usize) -> Self {
        let mut overrides = self.clone();
        for definition in workloads::definitions() {
            if definition.params.iter().any(|param| param.name == SEED) {
                let params = overrides
                    .0
                    .entry(definition.name)
                    .or_insert_with(|| Params::defaults(definition));
                let seed = params.get(SEED).saturating_add(round as u64);
                // The largest seed that there is has no next one, and stays.
                let _ = params.set(definition, SEED, seed);
            }
        }
        overrides
    }

    /// The parameters with which every workload takes milliseconds.
    pub fn small() -> Self {
        let mut overrides = Self::default();
        for definition in workloads::definitions() {
            let params =
                overrides.0.entry(definition.name).or_insert_with(|| Params::defaults(definition));
            for &(name, value) in workloads::small_params(definition.name) {
                // The workloads' own tests hold them against the definitions.
                let _ = params.set(definition, name, value);
            }
        }
        overrides
    }

    /// Adds arguments of the form `workload.name=value`; a later one wins over an earlier one.
    ///
    /// # Errors
    /// [`OverrideError`], which quotes the argument.
    pub fn parse_more(mut self, arguments: &[String]) -> Result<Self, OverrideError> {
        self.add_all(arguments, &workloads::definitions())?;
        Ok(self)
    }

    fn add_all(
        &mut self,
        arguments: &[String],
        definitions: &[&'static workloads::Definition],
    ) -> Result<(), OverrideError> {
        arguments.iter().try_for_each(|given| self.add(given, definitions))
    }

    fn add(
        &mut self,
        given: &str,
        definitions: &[&'static workloads::Definition],
    ) -> Result<(), OverrideError> {
        let form = || OverrideError::Form(given.to_owned());
        let (path, value) = given.split_once('=').ok_or_else(form)?;
        let (workload, name) = path.split_once('.').ok_or_else(form)?;
        let Some(definition) = definitions.iter().find(|definition| definition.name == workload)
        else {
            let known: Vec<_> = definitions.iter().map(|definition| definition.name).collect();
            let source = names::unknown("workload", workload, &known);
            return Err(OverrideError::Workload { given: given.to_owned(), source });
        };
        let number = value.replace('_', "").parse().map_err(|_| OverrideError::Number {
            given: given.to_owned(),
            value: value.to_owned(),
        })?;
        self.0
            .entry(definition.name)
            .or_insert_with(|| Params::defaults(definition))
            .set(definition, name, number)
            .map_err(|source| OverrideError::Refused { given: given.to_owned(), source })
    }

    /// The parameters with which `definition` is run.
    pub fn of(&self, definition: &workloads::Definition) -> Params {
        self.0.get(definition.name).cloned().unwrap_or_else(|| Params::defaults(definition))
    }
}

/// The parameters by name, as the protocol has them.
pub fn to_map(params: &Params) -> BTreeMap<String, u64> {
    params.iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use results::text::chain;
    use workloads::{DefaultRuntimes, Kind, Param};

    use super::*;

    static DEFINITION: workloads::Definition = workloads::Definition {
        name: "ping_pong",
        summary: "",
        shows: "",
        unit: "round trips",
        kind: Kind::Throughput,
        runtimes: DefaultRuntimes::All,
        params: &[Param { name: "pairs", default: 1_000, min: 1, max: 1_000_000, help: "" }],
        small: &[],
    };

    fn parse(arguments: &[&str]) -> Result<Overrides, OverrideError> {
        let arguments: Vec<_> = arguments.iter().map(|&a| a.to_owned()).collect();
        let mut overrides = Overrides::default();
        overrides.add_all(&arguments, &[&DEFINITION])?;
        Ok(overrides)
    }

    fn refusal(argument: &str) -> String {
        chain(&parse(&[argument]).expect_err("must be refused"))
    }

    #[test]
    fn the_last_value_wins_and_defaults_stay() {
        let overrides = parse(&["ping_pong.pairs=5", "ping_pong.pairs=10_000"]).expect("valid");
        assert_eq!(overrides.of(&DEFINITION).get("pairs"), 10_000);
        assert_eq!(parse(&[]).expect("valid").of(&DEFINITION).get("pairs"), 1_000);
    }

    #[test]
    fn each_round_has_a_seed_of_its_own_and_nothing_else() {
        let overrides = Overrides::default().parse_more(&["poisson.seed=40".to_owned()]);
        let overrides = overrides.expect("poisson draws from a seed");
        let poisson = workloads::definitions().into_iter().find(|d| d.name == "poisson");
        let poisson = poisson.expect("there is one");
        let first = to_map(&overrides.in_round(0).of(poisson));
        assert_eq!(first, to_map(&overrides.of(poisson)));
        let mut third = to_map(&overrides.in_round(2).of(poisson));
        assert_eq!(third.insert("seed".to_owned(), 40), Some(42));
        assert_eq!(first, third);
    }

    #[test]
    fn refusals_quote_the_argument_and_say_what_would_do() {
        assert!(refusal("pairs").contains("`pairs` is not of the form"));
        assert!(refusal("pong.pairs=1").contains("no workload called `pong`"));
        assert!(refusal("ping_pong.pairs=-1").contains("`-1` is not a whole number"));
        assert!(refusal("ping_pong.peers=1").contains("no parameter `peers`; it has pairs"));
        assert!(refusal("ping_pong.pairs=0").contains("must lie in 1 to 1000000"));
    }

    #[test]
    fn short_runs_are_short_and_valid() {
        for &(workload, name, value) in SHORT {
            let definition = workloads::definitions()
                .into_iter()
                .find(|definition| definition.name == workload)
                .expect("it is registered");
            let param = definition
                .params
                .iter()
                .find(|param| param.name == name)
                .expect("it has the parameter");
            assert!((param.min..param.default).contains(&value), "{workload}.{name}");
            assert_eq!(Overrides::short().of(definition).get(name), value);
        }
        let more = Overrides::short().parse_more(&["ping_pong.pairs=3".to_owned()]).expect("valid");
        let definition = workloads::definitions()
            .into_iter()
            .find(|definition| definition.name == "ping_pong")
            .expect("it is registered");
        assert_eq!(more.of(definition).get("pairs"), 3);
    }
}
