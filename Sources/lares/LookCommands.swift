import ArgumentParser
import Control
import HostSystem
import Household
import Wire

struct Status: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Tell how the router is: what runs, what is wrong and why.")
  @OptionGroup var connection: Connection

  func run() throws {
    try connection.output(connection.client.get("/v1/status", as: StatusReport.self)) { report in
      ([overview(report)] + sections(report)).joined(separator: "\n\n")
    }
  }

  private func overview(_ report: StatusReport) -> String {
    var lines = report.problems.isEmpty ? ["All is well."] : report.problems.map { "! \($0)" }
    if let commit = report.commit {
      let age = Words.ago(commit.time, now: Clock.wall)
      let why = commit.reason.isEmpty ? "" : ": \(commit.reason)"
      lines.append("Runs commit \(commit.number) by \(commit.author), \(age)\(why)")
    }
    if let window = report.provisional {
      lines.append("Provisional: reverts in \(window.secondsLeft) s unless somebody runs: lares confirm")
      lines += window.worse.map { "  worse than before the commit: \($0)" }
    }
    if report.candidateDiffers {
      lines.append("lares.toml has changes that are not in force (lares diff, then lares commit).")
    }
    if let history = report.history { lines.append(words(history)) }
    lines += report.paused.map { pause in
      "Paused: \(pause.device), by \(pause.by), \(pause.until.map { "ends \(Words.inFuture($0, now: Clock.wall))" } ?? "until resumed")"
    }
    return lines.joined(separator: "\n")
  }

  private func words(_ history: HistoryReport) -> String {
    let now = Clock.wall
    let there = history.commit.map { "commit \($0) was pushed \(Words.ago(history.pushed, now: now))" }
    let waiting =
      history.waiting == 0 ? nil : "\(history.waiting) commit\(history.waiting == 1 ? " waits" : "s wait") to be pushed"
    let next = history.problem == nil ? nil : history.next.map { "next try \(Words.inFuture($0, now: now))" }
    let parts = [there ?? "nothing was pushed yet", waiting, next].compactMap(\.self)
    let keys = history.hostKeys.map { " (SSH host keys as at the first contact: \($0))" } ?? ""
    return "History to \(history.remote): \(parts.joined(separator: ", "))\(keys)"
  }

  private func sections(_ report: StatusReport) -> [String] {
    var uplinks = Table(["UPLINK", "INTERFACE", "STATE", "ADDRESS", "GATEWAY", "DNS", "LEASE ENDS"])
    for uplink in report.uplinks {
      uplinks.add([
        uplink.name, uplink.interface, uplink.state, list(uplink.addresses), list(uplink.gateways),
        list(uplink.nameServers), Words.inFuture(uplink.expires, now: Clock.wall),
      ])
    }
    var checks = Table(["CHECK", "RESULT", "SINCE", "FOUND"])
    for check in report.checks {
      checks.add([check.path, check.result.rawValue, Words.ago(check.since, now: Clock.wall), check.detail])
    }
    var links = Table(["INTERFACE", "FOR", "STATE", "ADDRESSES"])
    for link in report.links {
      let state = !link.isPresent ? "missing" : !link.isUp ? "down" : link.hasCarrier ? "up" : "no carrier"
      links.add([link.interface, link.role, state, list(link.addresses)])
    }
    var daemons = Table(["DAEMON", "STATE", "COMMIT", "NOTES"])
    for daemon in report.daemons {
      daemons.add([
        daemon.name, daemon.isRunning ? "running" : "away", String(daemon.appliedCommit),
        daemon.notes.isEmpty ? "-" : daemon.notes.joined(separator: "; "),
      ])
    }
    return [uplinks, checks, links, daemons].map { $0.text(empty: "") }.filter { !$0.isEmpty }
  }

  private func list(_ items: [some CustomStringConvertible]) -> String {
    items.isEmpty ? "-" : items.map(\.description).joined(separator: ", ")
  }
}

struct Devices: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "List the devices of the house, named ones first.")
  @OptionGroup var connection: Connection

  func run() throws {
    try connection.output(connection.client.get("/v1/devices", as: [DeviceReport].self)) { devicesTable($0) }
  }
}

/// The table of `lares devices`.
func devicesTable(_ devices: [DeviceReport]) -> String {
  var table = Table(["NAME", "NETWORK", "ADDRESSES", "HARDWARE", "SEEN", "STATE"])
  for device in devices {
    table.add([
      device.name, device.network ?? "-", device.addresses.isEmpty ? "-" : device.addresses.joined(separator: ", "),
      device.hardware.isEmpty ? "-" : device.hardware.joined(separator: ", "),
      Words.ago(device.lastSeen, now: Clock.wall), device.isPaused ? "paused" : device.isKnown ? "-" : "new",
    ])
  }
  return table.text(empty: "No device has been seen yet, and lares.toml names none.")
}

struct Leases: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "List the addresses that the router has lent.")
  @OptionGroup var connection: Connection

  func run() throws {
    try connection.output(connection.client.get("/v1/leases", as: [Lease].self)) { leases in
      var table = Table(["ADDRESS", "NETWORK", "NAME", "HARDWARE", "STATE", "ENDS"])
      for lease in leases {
        table.add([
          lease.address.description, lease.network, lease.device ?? lease.hostName ?? "-", lease.hardware.description,
          lease.state.rawValue, lease.state == .active ? Words.inFuture(lease.expires, now: Clock.wall) : "-",
        ])
      }
      return table.text(empty: "No address has been lent yet.")
    }
  }
}

struct DNS: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dns", abstract: "List the names of the house and count what was asked.")
  @OptionGroup var connection: Connection

  func run() throws {
    try connection.output(connection.client.get("/v1/dns", as: NamesReport.self)) { report in
      var names = Table(["NAME", "ADDRESSES", "FROM"])
      for name in report.names {
        names.add([name.name, name.addresses.map(\.description).joined(separator: ", "), name.source])
      }
      var counts = Table(["COUNT", "VALUE"])
      for (name, value) in report.metrics.sorted(by: { $0.key < $1.key }) {
        counts.add([
          String(name.dropFirst("lares_dns_".count)), Int64(exactly: value).map(String.init) ?? String(value),
        ])
      }
      return [names.text(empty: "No names yet."), counts.text(empty: "")].filter { !$0.isEmpty }
        .joined(separator: "\n\n")
    }
  }
}
