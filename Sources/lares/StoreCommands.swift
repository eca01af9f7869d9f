import ArgumentParser
import Control
import Glibc
import HostSystem
import StoreSync

/// One Git client of the configuration's store. Standard input is its connection, standard output one to control.
struct StoreSessionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "store-session", abstract: "Serve one Git client; control starts it.", shouldDisplay: false)
  @Argument var service: String
  @Option var store: String
  @Option var person: String
  @Option var parent: Int32
  @Option var parameters: String

  func run() throws {
    guard attach(to: parent) else { return }
    signal(SIGPIPE, SIG_IGN)
    let session = try StoreSession(
      service: service, store: store, person: person, parameters: parameters,
      control: ControlClient(connection: STDOUT_FILENO))
    try session.serve(Descriptor(owning: STDIN_FILENO))
  }
}

/// What sshd runs for a person who comes by SSH, whatever they asked for (sshd_config, ForceCommand).
struct SSHCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ssh-command",
    abstract: "Serve somebody who comes by SSH: git clone and push of the configuration, and lares commands.",
    discussion: """
      For authorized_keys or sshd_config: ForceCommand lares ssh-command. Then git clone ssh://root@router/config \
      gives the configuration with its history, and git push changes it.
      """)
  @OptionGroup var connection: Connection

  func run() throws {
    guard let line = environmentVariable("SSH_ORIGINAL_COMMAND"), let words = ShellWords.split(line),
      let program = words.first
    else { throw ControlError.failed("no shell is given here: \(Self.advice)") }
    switch program {
    case "git-upload-pack", "git-receive-pack": try serveGit(String(program.dropFirst(4)), Array(words.dropFirst()))
    case "lares": try runLares(Array(words.dropFirst()))
    default: throw ControlError.failed("\"\(program)\" is not run here: \(Self.advice)")
    }
  }

  private static let advice = "git clone …/config, git push, and lares commands work"

  private func runLares(_ words: [String]) throws {
    if let run = connection.run { setenv("LARES_RUN", run, 1) }
    var command = try Lares.parseAsRoot(words)
    guard !(command is SSHCommand) else { throw ControlError.failed("lares ssh-command is for sshd alone") }
    try command.run()
  }

  private func serveGit(_ service: String, _ arguments: [String]) throws {
    guard arguments.count == 1, Self.isConfiguration(arguments[0]) else {
      throw ControlError.failed(
        "there is no repository \(arguments.joined(separator: " ")): the only one here is called config")
    }
    signal(SIGPIPE, SIG_IGN)
    let store = try connection.client.openStore(service, parameters: environmentVariable("GIT_PROTOCOL"))
    let received = store.received
    try SocketPump(store.take()).run(received)
  }

  /// `config`, with slashes around it or `.git` behind.
  static func isConfiguration(_ path: String) -> Bool {
    let name = path.drop { $0 == "/" }
    let bare = name.hasSuffix("/") ? name.dropLast() : name
    return bare == "config" || bare == "config.git"
  }
}

/// Bytes from standard input to a socket, and from it to standard output, until the socket's other end is done.
private struct SocketPump {
  private let socket: Int32
  /// Nobody else may watch over a silent connection than the two ends.
  private static let idleSeconds = 3_600

  init(_ socket: consuming Descriptor) { self.socket = socket.release() }

  func run(_ received: [UInt8]) throws {
    let socket = socket
    let sending = try BackgroundThread {
      let input = DescriptorStream(reading: STDIN_FILENO, writing: socket, idleSeconds: Self.idleSeconds)
      try? Self.copy(input)
      shutdown(socket, Int32(SHUT_WR))
    }
    let output = DescriptorStream(reading: socket, writing: STDOUT_FILENO, idleSeconds: Self.idleSeconds)
    try output.write(received)
    try Self.copy(output)
    // The client may send no more and not close; this process ends all the same, and the thread with it.
    withExtendedLifetime(sending) { exit(0) }
  }

  private static func copy(_ stream: DescriptorStream) throws {
    try withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 16) { buffer in
      while true {
        let count = try stream.read(into: buffer)
        guard count > 0 else { return }
        try stream.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      }
    }
  }
}

/// A command line as a POSIX shell reads it, without anything that a shell would carry out.
enum ShellWords {
  /// The words; nil where a quote is not closed.
  static func split(_ line: String) -> [String]? {
    var words: [String] = []
    var word: String?
    var quote: Character?
    var isEscaped = false
    for character in line {
      if isEscaped {
        word = (word ?? "") + String(character)
        isEscaped = false
      } else if character == "\\", quote != "'" {
        isEscaped = true
      } else if let open = quote {
        if character == open { quote = nil } else { word?.append(character) }
      } else if character == "'" || character == "\"" {
        quote = character
        word = word ?? ""
      } else if character.isWhitespace {
        if let whole = word { words.append(whole) }
        word = nil
      } else {
        word = (word ?? "") + String(character)
      }
    }
    guard quote == nil, !isEscaped else { return nil }
    if let whole = word { words.append(whole) }
    return words
  }
}
