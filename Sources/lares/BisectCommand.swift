import ArgumentParser
import Control
import Glibc
import HostSystem

struct Bisect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Find the commit that broke something, by trying those between a good and a bad one.",
    discussion: """
      lares bisect start GOOD puts a commit of the middle in force, provisionally. Try what was broken, then say lares \
      bisect good or lares bisect bad, and so on; lares bisect reset ends the search at any time. What was in force \
      before comes back.
      """,
    subcommands: [Start.self, Good.self, Bad.self, Skip.self, Reset.self, Show.self, RunProgram.self])

  struct Start: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Begin a search.")
    @Argument(help: "A commit that was good: number or name.") var good: String
    @Argument(help: "A commit that was bad; default: the one in force.") var bad: String?
    @OptionGroup var window: Window
    @OptionGroup var connection: Connection

    func run() throws {
      try tell(connection, step(connection, Request(action: "start", bad: bad, good: good, window: window.seconds)))
    }
  }

  struct Good: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "What is in force works.")
    @OptionGroup var window: Window
    @OptionGroup var connection: Connection
    func run() throws { try tell(connection, step(connection, Request(action: "good", window: window.seconds))) }
  }

  struct Bad: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "What is in force does not work.")
    @OptionGroup var window: Window
    @OptionGroup var connection: Connection
    func run() throws { try tell(connection, step(connection, Request(action: "bad", window: window.seconds))) }
  }

  struct Skip: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "What is in force cannot be tried.")
    @OptionGroup var window: Window
    @OptionGroup var connection: Connection
    func run() throws { try tell(connection, step(connection, Request(action: "skip", window: window.seconds))) }
  }

  struct Reset: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "End the search; what was in force before comes back.")
    @OptionGroup var connection: Connection
    func run() throws {
      let report = try step(connection, Request(action: "reset"))
      try connection.output(report) { _ in "The search is over." }
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "status", abstract: "Tell which commit is being tried.")
    @OptionGroup var connection: Connection
    func run() throws { try tell(connection, connection.client.get("/v1/configuration/bisect")) }
  }

  struct RunProgram: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "run", abstract: "Let a program answer: exit status 0 is good, 125 skips, all others are bad.")
    @OptionGroup var connection: Connection
    @Argument(parsing: .captureForPassthrough, help: "The program and its arguments.") var program: [String]

    func validate() throws {
      if program.isEmpty { throw ValidationError("Name a program: lares bisect run ping -c1 198.51.100.80") }
    }

    func run() throws {
      var report: BisectReport = try connection.client.get("/v1/configuration/bisect")
      while let tested = report.testing {
        let words = program.first == "--" ? Array(program.dropFirst()) : program
        let ending = try ChildProcess(words, isForeground: true).wait()
        let action = ending == .exited(0) ? "good" : ending == .exited(125) ? "skip" : "bad"
        if !connection.json { print("Commit \(tested.number) is \(action == "skip" ? "skipped" : action).") }
        report = try step(connection, Request(action: action))
      }
      try tell(connection, report)
    }
  }
}

private struct Request: Encodable {
  var action: String
  var bad: String?
  var good: String?
  var window: Int?
}

/// Takes a step, and waits until the daemons have applied what is to be tried.
private func step(_ connection: Connection, _ request: Request) throws -> BisectReport {
  let report: BisectReport = try connection.client.send("POST", "/v1/configuration/bisect", request)
  if let change = report.change { _ = try waitUntilApplied(connection.client, change) }
  return report
}

private func tell(_ connection: Connection, _ report: BisectReport) throws {
  try connection.output(report) { report in
    func line(_ commit: CommitSummary) -> String {
      "commit \(commit.number) (\(commit.id?.prefix(12) ?? "-")) by \(commit.author): \(commit.reason)"
    }
    if let found = report.found {
      return "Found: \(line(found))\nlares diff \(found.number - 1) \(found.number) tells what it changed."
    }
    guard let testing = report.testing else {
      return (["It is one of these; the others had to be skipped:"] + report.candidates.map(line)).joined(
        separator: "\n")
    }
    var lines = ["In force to be tried, with \(report.left) in question: \(line(testing))"]
    if let seconds = report.change?.confirmWithin {
      lines.append("It reverts in \(seconds) s; an answer may also come later.")
    }
    return (lines + ["Try it, then: lares bisect good, bad or skip"]).joined(separator: "\n")
  }
}
