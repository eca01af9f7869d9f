import ArgumentParser
import Control
import HostSystem
import Household

struct Firewall: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show the packet filter's rules with their hits, or what it drops.",
    subcommands: [FirewallRules.self], defaultSubcommand: FirewallRules.self)
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
