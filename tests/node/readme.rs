//! What the page on embedding shows of a node in a program is a program that runs.

#[test]
fn the_page_on_embedding_shows_the_heart_of_the_example() {
    let (example, page) = (
        include_str!("../../examples/node.rs"),
        include_str!("../../docs/embed.md"),
    );
    let begin = example.find("    // Once:").expect("where it begins");
    let end = example.find("    let apples").expect("where it ends");
    for line in example[begin..end].lines() {
        let line = line.strip_prefix("    ").unwrap_or(line);
        assert!(
            page.lines().any(|shown| shown == line),
            "the page lacks: {line}"
        );
    }
}
