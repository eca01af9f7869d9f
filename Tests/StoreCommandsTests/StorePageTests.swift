import ArgumentParser
import Glibc
import HostSystem
import Testing

@testable import StoreCommands

/// docs/store.md: what it shows is what happens, and its list is that of the commands.
@Suite struct StorePageTests {
  private static var file: String { "\(Shell.packageRoot)/docs/store.md" }

  private static func page() throws -> String { String(decoding: try File.read(file), as: UTF8.self) }

  struct Example {
    var command: String
    var output: [Substring] = []
  }

  /// The commands of the page's consoles, each with the lines below it.
  private static func examples(of page: String) -> [Example] {
    var examples: [Example] = []
    var isConsole = false
    for line in page.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("```") {
        isConsole = line == "```console"
      } else if isConsole, line.hasPrefix("$ ") {
        examples.append(Example(command: String(line.dropFirst(2))))
      } else if isConsole {
        examples[examples.count - 1].output.append(line)
      }
    }
    return examples
  }

  /// Whether a line is as the page has it, where `…` stands for anything.
  private static func matches(_ line: Substring, _ pattern: Substring) -> Bool {
    let parts = pattern.split(separator: "…", omittingEmptySubsequences: false)
    guard parts.count > 1, let first = parts.first, let last = parts.last else { return line == pattern }
    guard line.count >= first.count + last.count, line.hasPrefix(first), line.hasSuffix(last) else { return false }
    var rest = line.dropFirst(first.count).dropLast(last.count)
    for part in parts.dropFirst().dropLast() {
      guard let place = rest.firstRange(of: part) else { return false }
      rest = rest[place.upperBound...]
    }
    return true
  }

  @Test func everyExampleDoesWhatThePageSays() throws {
    let examples = Self.examples(of: try Self.page())
    #expect(examples.count > 30)
    let shell = try Shell()
    // One shell for all, as for the reader; a value without a newline is followed by one on a terminal, too.
    let script = examples.map { "\($0.command)\nprintf '\\n=====\\n'" }.joined(separator: "\n")
    let outcome = try shell.attempt("exec 2>&1\nunset LARES_STORE\n\(script)")
    let outputs = outcome.output.split(separator: "=====\n", omittingEmptySubsequences: false)
    try #require(outputs.count == examples.count + 1, "\(outcome.output)")
    for (example, output) in zip(examples, outputs) {
      let lines = output.split(separator: "\n")
      #expect(
        lines.count == example.output.count && zip(lines, example.output).allSatisfy { Self.matches($0, $1) },
        "\(example.command): \(output)")
    }
    try shell.fsck("family.git")
  }

  @Test func theListOfCommandsIsComplete() throws {
    var table = "| | |\n|---|---|\n"
    for group in StoreCommand.configuration.groupedSubcommands {
      for command in group.subcommands {
        table += "| `\(command.configuration.commandName ?? "")` | \(command.configuration.abstract) |\n"
      }
    }
    let page = try Self.page()
    let heading = "## The commands\n\n"
    let start = try #require(page.firstRange(of: heading)).upperBound
    if getenv("LARES_UPDATE_DOCS") != nil {
      try File.replace(Self.file, with: Array((page[..<start] + table).utf8), mode: 0o644, durable: false)
    }
    #expect(try Self.page().hasSuffix(heading + table), "LARES_UPDATE_DOCS=1 writes it")
  }
}
