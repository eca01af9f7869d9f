import Wire

extension FirewallPolicy {
  /// What holds before any configuration is known: nothing comes in and nothing passes but answers to what the router asked, what was
  /// established before, and what IPv6 needs to have an address at all.
  public static var closed: Ruleset {
    let established = "answers, and what was established before"
    let input = [
      Rule("input.loopback", "the router itself", [.from("lo")], .accept),
      Rule("input.established", established, [.state([.established, .related])], .accept),
      Rule(
        "input.neighbours", "neighbour discovery", [.icmp(135...136, .v6), .hopLimit(255)], .accept),
      Rule("input.drop", "everything else", [], nil),
    ]
    let forward = [
      Rule("forward.established", established, [.state([.established, .related])], .accept),
      Rule("forward.drop", "everything else", [], nil),
    ]
    return Ruleset(tables: [
      Table(
        family: .inet,
        chains: [
          Chain("input", .filter, .input, priority: Priority.filter, policy: .drop, rules: input),
          Chain("forward", .filter, .forward, priority: Priority.filter, policy: .drop, rules: forward),
        ])
    ])
  }
}
