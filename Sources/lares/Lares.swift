import ArgumentParser
import Configuration
import Control
import HostSystem
import StoreCommands

/// The command line, and every daemon as a subcommand.
@main
struct Lares: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lares",
    abstract: "A home router: its command line and its daemons.",
    discussion: """
      Changes travel: edit lares.toml (or lares set), lares diff, lares commit, and within two minutes lares confirm. \
      A commit that nobody confirms reverts by itself, so a mistake cannot lock you out.
      """,
    version: Version.text,
    groupedSubcommands: [
      CommandGroup(
        name: "Look", subcommands: [Status.self, Devices.self, Leases.self, Firewall.self, DNS.self, LogCommand.self]),
      CommandGroup(
        name: "Change",
        subcommands: [
          Check.self, Show.self, SetKey.self, Delete.self, Diff.self, Commit.self, Confirm.self, Rollback.self,
          Bisect.self, History.self, DeviceCommand.self, Secret.self,
        ]),
      CommandGroup(name: "Keep", subcommands: [BackupCommand.self, RestoreCommand.self, StoreCommand.self]),
      CommandGroup(
        name: "Run",
        subcommands: [
          Run.self, Serve.self, SSHCommand.self, StoreSessionCommand.self, HistoryPushCommand.self,
          AttachedCommand.self, Teardown.self,
        ]),
    ])
}

extension Lares {
  /// As `ParsableCommand.main()`, and says which command a misspelt one probably was meant to be.
  static func main() {
    let words = Array(CommandLine.arguments.dropFirst())
    do {
      var command = try parseAsRoot(words)
      try command.run()
    } catch {
      guard exitCode(for: error) == .validationFailure, let wrong = wrongCommand(in: words) else {
        exit(withError: error)
      }
      exit(withError: ValidationError(wrong))
    }
  }

  /// What is wrong with the first word that should name a command and does not.
  static func wrongCommand(in words: [String]) -> String? {
    var command: any ParsableCommand.Type = self
    var path = "lares"
    for word in words {
      let commands = command.configuration.subcommands
      guard !commands.isEmpty, !word.hasPrefix("-") else { return nil }
      if let next = commands.first(where: { $0._commandName == word }) {
        command = next
        path += " \(word)"
      } else {
        let names = commands.map { $0._commandName }
        let meant = nearestWord(to: word, among: names).map { "did you mean '\(path) \($0)'?" }
        return "There is no command '\(path) \(word)'; "
          + (meant ?? "the commands are: \(names.joined(separator: ", ")).")
      }
    }
    return nil
  }
}

/// Which running Lares a command talks to, and how it prints.
struct Connection: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Folder with the running daemons' files.", discussion: "Also taken from LARES_RUN. Default: /run/lares.",
      valueName: "dir"))
  var run: String?

  @Flag(help: "Print JSON, the same for each version, instead of text for people.")
  var json = false

  var client: ControlClient {
    var folders = Self.defaultFolders
    if let run { folders.run = run }
    return ControlClient(folders: folders)
  }

  static var defaultFolders: Folders {
    Folders(state: Folders.system.state, run: environmentVariable("LARES_RUN") ?? Folders.system.run)
  }

  /// Prints an answer: as it came with --json, else in words.
  func output<Answer: Codable>(_ answer: Answer, _ words: (Answer) -> String) throws {
    print(json ? try JSON.encodeForReading(answer) : words(answer))
  }
}
