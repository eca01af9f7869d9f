import HostSystem
import Household
import Wire

extension ControlDaemon {
  func statusReport() throws -> StatusReport {
    let head = try change.head()
    let checks = facts.checks.values
    let provisional = change.window(now: Clock.now).map { window in
      ProvisionalReport(
        commit: window.provisional.commit, owner: window.provisional.owner, secondsLeft: window.secondsLeft,
        worse: checks.values.filter { $0.result == .bad && checksBefore[$0.path]?.result == .good }.map(\.path).sorted()
      )
    }
    return StatusReport(
      version: Version.text, commit: head.map(CommitSummary.init), provisional: provisional,
      candidateDiffers: (try? candidate.read()) != head?.files, daemons: daemonReports(),
      diagnosis: diagnosis(), checks: checks.values.sorted { $0.path < $1.path },
      uplinks: facts.uplinks.values.values.sorted { $0.name < $1.name },
      links: facts.links.values.values.sorted { $0.interface < $1.interface },
      paused: pauses.values.values.sorted { $0.device < $1.device },
      history: historyPusher.report { try? change.history.number(of: $0) },
      folders: FoldersReport(
        configuration: File.absolutePath(candidate.folder) ?? candidate.folder,
        state: File.absolutePath(folders.state) ?? folders.state))
  }

  /// The failing check that stands on none that fails: checks below a bad one are skipped, so the shortest path wins.
  private func diagnosis() -> String? {
    let bad = facts.checks.values.values.filter { $0.result == .bad }
    let first = bad.min { ($0.since, $0.path) < ($1.since, $1.path) }
    return first.map { "\($0.path): \($0.detail)" }
  }

  private func daemonReports() -> [DaemonReport] {
    let control = DaemonReport(
      name: "control", isRunning: true, appliedCommit: own.appliedCommit, problems: own.problems + logKeeper.problems,
      notes: own.notes)
    return [control]
      + Self.appliers.map { name in
        let reader = facts.daemons[name]
        let fact = reader?.values["self"]
        let isRunning = reader?.isConnected ?? false
        return DaemonReport(
          name: name, isRunning: isRunning, appliedCommit: fact?.appliedCommit ?? 0,
          problems: (isRunning ? [] : ["not running"]) + (fact?.problems ?? []), notes: fact?.notes ?? [])
      }
  }

  func namesReport() -> NamesReport {
    let metrics = facts.metrics.flatMap(\.values).filter { $0.key.hasPrefix("lares_dns_") }
    return NamesReport(
      names: facts.names.values.values.sorted { $0.name < $1.name },
      metrics: Dictionary(metrics.map { ($0.key, $0.value.value) }) { first, _ in first })
  }

  /// Configured devices in the file's order, then everybody else by address.
  func deviceReports() -> [DeviceReport] {
    let leases = facts.leases.values.values.sorted { $0.address < $1.address }
    let neighbours = facts.neighbours.values.values.sorted { $0.address < $1.address }
    let known = (model?.devices ?? []).map { device in
      let own = leases.filter { $0.device == device.name && $0.state == .active }
      let seen = neighbours.filter { $0.device == device.name }
      let addresses = device.addresses + own.map { .v4($0.address) } + seen.map(\.address)
      let hardware = device.hardware + own.map(\.hardware) + seen.map(\.hardware)
      return DeviceReport(
        name: device.name, isKnown: true, network: own.first?.network ?? seen.first?.network,
        addresses: Self.unique(addresses.map(\.description)), hardware: Self.unique(hardware.map(\.description)),
        isPaused: pauses.values[device.name] != nil,
        lastSeen: (own.map(\.renewed) + seen.map(\.lastSeen)).max())
    }
    let strangers = Dictionary(grouping: neighbours.filter { $0.device == nil }, by: \.hardware)
    let leased = Dictionary(grouping: leases.filter { $0.device == nil && $0.state == .active }, by: \.hardware)
    let others = Set(strangers.keys).union(leased.keys).sorted().map { hardware in
      let own = leased[hardware] ?? []
      let seen = strangers[hardware] ?? []
      return DeviceReport(
        name: own.compactMap(\.hostName).first ?? hardware.description, isKnown: false,
        network: own.first?.network ?? seen.first?.network,
        addresses: Self.unique(own.map { $0.address.description } + seen.map(\.address.description)),
        hardware: [hardware.description], isPaused: false,
        lastSeen: (own.map(\.renewed) + seen.map(\.lastSeen)).max())
    }
    return known + others
  }

  private static func unique(_ texts: [String]) -> [String] {
    var seen: Set<String> = []
    return texts.filter { seen.insert($0).inserted }
  }
}

/// The version of Lares.
public enum Version {
  public static let text = "0.1.0"
}
