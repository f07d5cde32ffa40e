//! Each type among liars, faults, crashes and changing members: every promise is kept.

use bft_crdts::laws::Trial;
use bft_crdts::net::Campaign;
use bft_crdts_campaign::subjects;

#[test]
fn liars_break_no_promise_on_any_of_the_types() {
    let scenarios = u64::from(Trial::from_env(0).cases / 5).max(2);
    for subject in subjects() {
        let name = subject.name();
        let report = Campaign::new([subject]).run(0..scenarios, |_| true);
        let failure = report.failures.first();
        assert!(
            failure.is_none(),
            "{name}: {}",
            failure.expect("there is one")
        );
        assert_eq!(report.scenarios, scenarios, "{name}");
    }
}
