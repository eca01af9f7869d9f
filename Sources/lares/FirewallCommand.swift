import ArgumentParser
import Control
import Glibc
import HostSystem
import Household

struct Firewall: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show the packet filter's rules with their hits, or what it drops.",
    subcommands: [FirewallRules.self, DropLog.self], defaultSubcommand: FirewallRules.self)
}

struct FirewallRules: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rules", abstract: "List the rules and how many packets each has met.")
  @OptionGroup var connection: Connection

  func run() throws {
    try connection.output(connection.client.get("/v1/firewall", as: FirewallReport.self)) { report in
      var table = Table(["RULE", "PACKETS", "BYTES", "DOES"])
      for rule in report.rules { table.add([rule.name, String(rule.packets), Words.bytes(rule.bytes), rule.summary]) }
      return table.text(empty: "No rule is in force.")
    }
  }
}

struct DropLog: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "log", abstract: "List the packets dropped lately, oldest first: which rule, zone and device.")
  @Flag(name: .shortAndLong, help: "Go on and print new ones as they come, until Ctrl-C.") var follow = false
  @OptionGroup var connection: Connection

  func run() throws {
    var last = ""
    repeat {
      let entries = try connection.client.get("/v1/firewall/log?after=\(last)", as: [LoggedDrop].self)
      last = entries.last?.key ?? last
      if follow {
        for entry in entries { print(connection.json ? try jsonLine(entry) : line(entry)) }
        fflush(nil)
        sleep(milliseconds: 500)
      } else {
        try connection.output(entries) { entries in
          entries.isEmpty ? "Nothing has been dropped lately." : entries.map(line).joined(separator: "\n")
        }
      }
    } while follow
  }

  private func line(_ entry: LoggedDrop) -> String {
    "\(Words.ago(entry.packet.time, now: Clock.wall)): \(entry.packet)"
  }

  private func jsonLine(_ entry: LoggedDrop) throws -> String {
    String(decoding: try JSON.encode(entry), as: UTF8.self)
  }
}
