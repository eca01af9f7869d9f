import ArgumentParser
import GitFormat
import HostSystem
import VersionedStore

/// `lares store retain`.
struct RetainCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "retain", abstract: "Let old snapshots and old history go, by rules.",
    discussion: """
      A snapshot stays if any rule wants it; of each hour, day, week and month the last one counts, in UTC. No rule \
      about snapshots keeps all of them.

      With --commits or --days the history of the branch ends where both say so, unless another branch needs what is \
      before. Clones and pushes of the rest go on as with a shallow clone.
      """)
  @OptionGroup var branch: BranchOptions
  @OptionGroup var listing: ListOptions
  @Option(help: ArgumentHelp("Keep the newest so many snapshots.", valueName: "count"))
  var last = 0
  @Option(help: ArgumentHelp("Keep one for each of so many hours.", valueName: "count"))
  var hourly = 0
  @Option(help: ArgumentHelp("Keep one for each of so many days.", valueName: "count"))
  var daily = 0
  @Option(help: ArgumentHelp("Keep one for each of so many weeks.", valueName: "count"))
  var weekly = 0
  @Option(help: ArgumentHelp("Keep one for each of so many months.", valueName: "count"))
  var monthly = 0
  @Option(help: ArgumentHelp("Snapshots whose names begin so.", valueName: "text"))
  var prefix = ""
  @Option(help: ArgumentHelp("Keep so many commits of the branch.", valueName: "count"))
  var commits: Int?
  @Option(help: ArgumentHelp("Keep commits of so many days.", valueName: "count"))
  var days: Int64?
  @Flag(name: [.customShort("n"), .long], help: "Only show what would go.")
  var dryRun = false

  func validate() throws {
    guard [last, hourly, daily, weekly, monthly].allSatisfy({ $0 >= 0 }), commits ?? 1 > 0,
      (0...1_000_000).contains(days ?? 0)
    else { throw ValidationError("A count cannot be that.") }
    guard !rules.isEmpty || commits != nil || days != nil else {
      throw ValidationError("Say what to keep: --last, --daily, --commits …")
    }
  }

  private var rules: RetentionRules {
    RetentionRules(last: last, hourly: hourly, daily: daily, weekly: weekly, monthly: monthly)
  }

  func perform(_ output: Output) throws {
    let backend = try branch.store.openBackend()
    var plan = RetentionPlan()
    plan.snapshots = "refs/tags/\(prefix)"
    if !rules.isEmpty { plan.rules = rules }
    if commits != nil || days != nil {
      plan.branch =
        try branch.name.map { name in
          guard let name = RefName.branch(name) else { throw CommandFailure(.absent, "there is no such branch") }
          return name
        } ?? backend.headTarget
      plan.depth = commits
      plan.seconds = days.map { $0 * 86_400 }
    }
    let options = CollectOptions(now: Clock.wall)
    let result = try backend.retain(plan, options, who: Person().authorNow, isTrial: dryRun)
    for snapshot in result.droppedSnapshots {
      let name = Array(snapshot.name.text.utf8.dropFirst("refs/tags/".utf8.count))
      if listing.json {
        try output.json(JSONSnapshot(dropped: String(decoding: name, as: UTF8.self), time: snapshot.time))
      } else {
        try listing.entry(name, to: output)
      }
    }
    if !result.neededBy.isEmpty {
      let names = result.neededBy.map { Words.line($0.branchName ?? $0.text) }.joined(separator: ", ")
      printWarning("Note: the history was not cut, for \(names) needs what is before")
    } else if !result.boundary.isEmpty {
      let ends = result.boundary.map { Words.short($0) }.joined(separator: ", ")
      printWarning("Note: the history \(dryRun ? "would end" : "ends") at \(ends)")
    }
  }

  private struct JSONSnapshot: Encodable {
    var dropped: String
    var time: Int64
  }
}

/// `lares store collect`.
struct CollectCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "collect", abstract: "Remove what nothing reaches any more, and pack the rest.",
    discussion: """
      Others may go on reading and writing. What nothing reaches stays for the grace time after it was last written, for \
      somebody may be about to refer to it.
      """)
  @OptionGroup var store: StoreOptions
  @Option(help: ArgumentHelp("The grace time.", valueName: "days"))
  var graceDays: Int64 = 14
  @Flag(help: "Make the files as small as can be, however long that takes.")
  var aggressive = false
  @Flag(help: "Print what was done as JSON.")
  var json = false

  func validate() throws {
    guard (0...1_000_000).contains(graceDays) else { throw ValidationError("--grace-days cannot be that.") }
  }

  private struct JSONResult: Encodable {
    var reachable: Int
    var young: Int
    var dropped: Int
    var isPostponed: Bool
  }

  func perform(_ output: Output) throws {
    var options = CollectOptions(now: Clock.wall)
    options.graceSeconds = graceDays * 86_400
    options.aggressive = aggressive
    let result = try store.openBackend().collect(options)
    if json {
      return try output.json(
        JSONResult(
          reachable: result.reachable, young: result.young, dropped: result.dropped, isPostponed: result.isPostponed))
    }
    try output.line(
      "\(result.reachable) objects are reachable, \(result.young) wait for the grace time, \(result.dropped) are gone.")
    if result.isPostponed { printWarning("Note: somebody is sending objects; nothing was removed this time") }
  }
}
