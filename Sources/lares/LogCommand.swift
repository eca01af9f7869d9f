public import ArgumentParser
import Control
import Glibc
import HostSystem
public import Household
import Wire

extension LogLevel: ExpressibleByArgument {}

struct LogCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "log", abstract: "Search what the daemons have reported, newest last.",
    discussion: """
      The router keeps its newest lines, about 4 MB, also over a restart. For packets that the firewall dropped there is \
      lares firewall log; to send each line to another machine as well, set log.remote.

      Examples:
        lares log lease                       lines about leases
        lares log --level warning --since 1d  what went wrong since yesterday
        lares log --daemon names --follow     the name service, as it happens
      """)

  /// Who writes lines: the daemons, and `lares run`, which starts them.
  enum Source: String, CaseIterable, ExpressibleByArgument { case control, network, addresses, names, run }

  @Argument(help: "What the message or a field (as key=value) has in it, in capital or small letters.")
  var text: String?
  @Option(help: "Only lines of this daemon; run is the one that starts the others.")
  var daemon: Source?
  @Option(help: "Only lines of this level and above.") var level: LogLevel?
  @Option(help: ArgumentHelp("Only lines of this time until now: 90s, 45m, 2h, 1d.", valueName: "time"))
  var since: String?
  @Option(help: "How many lines, the newest of those that fit: 1 to 1000.") var limit = 100
  @Flag(name: .shortAndLong, help: "Go on and print new ones as they come, until Ctrl-C.") var follow = false
  @OptionGroup var connection: Connection

  func validate() throws {
    guard (1...1_000).contains(limit) else { throw ValidationError("--limit takes a number from 1 to 1000.") }
    if let since, Words.seconds(of: since) == nil {
      throw ValidationError("--since takes a time such as 90s, 45m, 2h or 1d, and not '\(since)'.")
    }
  }

  func run() throws {
    let query = query
    guard follow else {
      return try connection.output(connection.client.get("/v1/log?\(query)", as: LogReport.self)) { report in
        report.lines.isEmpty ? "No line fits." : report.lines.map(Self.words).joined(separator: "\n")
      }
    }
    var after = ""
    while true {
      let report = try connection.client.get("/v1/log?\(query)&after=\(after)", as: LogReport.self)
      after = report.next
      for line in report.lines { print(connection.json ? try jsonLine(line) : Self.words(line)) }
      fflush(nil)
      if report.lines.count < limit { sleep(milliseconds: 500) }
    }
  }

  private var query: String {
    let since = since.flatMap(Words.seconds).map { String(max(0, Clock.wall - Int64($0))) }
    let values = [
      ("text", text), ("daemon", daemon?.rawValue), ("level", level?.rawValue), ("since", since),
      ("limit", String(limit)),
    ]
    return values.compactMap { name, value in value.map { "\(name)=\(percentEncoded($0))" } }.joined(separator: "&")
  }

  /// `2026-11-22 14:49:55 network warning: the message key=value`.
  static func words(_ line: LogLine) -> String {
    let fields = line.fields.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
    let level = line.level == .info ? "" : " \(line.level.rawValue)"
    let lost = line.lost.map { " (\($0) lines before this one were lost)" } ?? ""
    let text = "\(TimeText.local(milliseconds: line.time)) \(line.daemon)\(level): \(line.message)\(fields)\(lost)"
    // A name that a device gave itself may be in it, and must not command the terminal.
    return String(String.UnicodeScalarView(text.unicodeScalars.map { isControl($0) ? "�" : $0 }))
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
  }

  private func jsonLine(_ line: LogLine) throws -> String { String(decoding: try JSON.encode(line), as: UTF8.self) }
}
