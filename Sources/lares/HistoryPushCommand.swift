import ArgumentParser
import Control
import Glibc
import HostSystem

/// One push of the configuration's history. Standard input has the password, standard output gets what became of it.
struct HistoryPushCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history-push", abstract: "Push the configuration's history; control starts it.", shouldDisplay: false)
  @Option var parent: Int32
  @Option var store: String
  @Option var knownHosts: String
  @Option var commit: String
  @Option var remote: String
  @Option var user: String
  @Flag var password = false

  func run() throws {
    guard attach(to: parent) else { return }
    signal(SIGPIPE, SIG_IGN)
    let input = password ? try Descriptor(owning: STDIN_FILENO).readToEnd(of: "the password") : nil
    let push = HistoryPush(
      store: store, commit: commit, remote: remote, user: user,
      password: input.map { String(decoding: $0, as: UTF8.self) },
      knownHosts: knownHosts,
      attached: ["/proc/self/exe", "attached", "--parent", String(ProcessIdentity.current)])
    try Descriptor(owning: STDOUT_FILENO).writeAll(JSON.encode(push.run()), to: "control")
  }
}

/// Another program in the place of this one, which dies with the process that asked for it.
struct AttachedCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "attached", abstract: "Run a program that ends with its parent.", shouldDisplay: false)
  @Option var parent: Int32
  @Argument(parsing: .captureForPassthrough) var words: [String]

  func run() throws {
    guard attach(to: parent) else { return }
    var vector = words.map { strdup($0) } + [nil]
    defer { for pointer in vector { free(pointer) } }
    execvp(words[0], &vector)
    throw SystemError("starting \(words[0])", code: errno)
  }
}
