import ArgumentParser
import Glibc
import HostSystem
import Household
import StoreSync
import VersionedStore
import Wire

/// `lares store serve`.
struct ServeRepositoriesCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Serve repositories over HTTPS: to Git clients, and value by value.",
    discussion: """
      Serves one repository, or a folder of them; /REPOSITORY/-/files/PATH is a value, and /REPOSITORY/-/watch/PATH tells \
      of changes. Who may read and write what is said in rights.toml in the folder, and in \
      lares/rights.toml in a repository; without such a file nobody gets anything. Passwords are set by lares store \
      password. Without a certificate it serves this machine alone, over HTTP.

      SIGTERM ends it when the requests of the moment are answered; SIGHUP makes it read the certificate again.
      """)
  @Argument(help: "The repository, or the folder of repositories.")
  var folder: String
  @Option(
    help: ArgumentHelp("Where to listen; may be given again. Default: 127.0.0.1:8417", valueName: "address:port"))
  var listen: [String] = []
  @Option(help: ArgumentHelp("Certificate in PEM, with those up to the authority's.", valueName: "file"))
  var certificate: String?
  @Option(help: ArgumentHelp("The certificate's key in PEM.", valueName: "file"))
  var key: String?
  @Option(help: ArgumentHelp("File of passwords. Default: passwords in the folder, if it is there.", valueName: "file"))
  var passwords: String?

  private static let port: UInt16 = 8_417

  func validate() throws {
    guard (certificate == nil) == (key == nil) else { throw ValidationError("--certificate and --key belong together") }
    _ = try addresses()
  }

  private func addresses() throws -> [SocketAddress] {
    guard !listen.isEmpty else { return [SocketAddress(.v4(IPv4Address(127, 0, 0, 1)), port: Self.port)] }
    return try listen.map { text in
      guard let address = Self.address(text) else {
        throw ValidationError("--listen \(text) is no address with a port: 192.0.2.1:8417, [2001:db8::1]:8417")
      }
      return address
    }
  }

  private static func address(_ text: String) -> SocketAddress? {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
    let host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      return IPv6Address(String(host.dropFirst().dropLast())).map { SocketAddress(.v6($0), port: port) }
    }
    return IPv4Address(String(host)).map { SocketAddress(.v4($0), port: port) }
  }

  func perform(_ output: Output) throws {
    var settings = RepositoryServerSettings(listen: try addresses())
    if let certificate, let key { settings.certificate = (certificate, key) }
    settings.passwords = passwords ?? (access("\(folder)/passwords", F_OK) == 0 ? "\(folder)/passwords" : nil)
    settings.log = { printWarning($0) }
    let signals = SignalSet([SIGTERM, SIGINT, SIGHUP])
    let server = try RepositoryServer(ServedRepositories(folder) { Clock.wall }, settings)
    for address in server.addresses {
      printWarning("Serving \(folder) at \(settings.certificate == nil ? "http" : "https")://\(address)/")
    }
    let ending = try BackgroundThread {
      while true {
        guard signals.wait() == SIGHUP else { return server.stop() }
        do { try server.reload() } catch { printWarning("the certificate of before is kept: \(error)") }
      }
    }
    try server.run()
    withExtendedLifetime(ending) {}
  }
}

/// Signals that are waited for instead of being handled. They are blocked in this thread and in those that it starts.
private struct SignalSet: Sendable {
  private let set: sigset_t

  init(_ signals: [Int32]) {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in signals { sigaddset(&set, signal) }
    pthread_sigmask(SIG_BLOCK, &set, nil)
    self.set = set
  }

  /// The next of them.
  func wait() -> Int32 {
    var set = set
    var signal: Int32 = 0
    while sigwait(&set, &signal) != 0 {}
    return signal
  }
}

/// `lares store password`.
struct PasswordCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "password", abstract: "Set the password by which somebody logs in to lares store serve.",
    discussion: """
      The password is asked for, or read from standard input where that is no terminal. The file has only salted hashes. \
      A server that is running takes the change at once.
      """)
  @Argument(help: "Who: ada, or person:ada, device:tablet, service:backup.")
  var name: String
  @Option(help: ArgumentHelp("The file. Default: passwords in the current folder.", valueName: "file"))
  var file = "passwords"
  @Flag(help: "Take the password away.")
  var remove = false

  private var principal: Principal? {
    name.utf8.contains(UInt8(ascii: ":")) ? Principal(name) : Principal.isName(name) ? .person(name) : nil
  }

  func validate() throws {
    guard principal != nil else { throw ValidationError("\(name) is no name: ada, person:ada, device:tablet") }
  }

  func perform(_ output: Output) throws {
    guard let principal else { return }
    var passwords = try PasswordFile(parsing: try File.readIfPresent(file) ?? [], file: file)
    if remove {
      guard passwords.remove(principal) else {
        throw CommandFailure(.absent, "\(principal) has no password in \(file)")
      }
    } else {
      try passwords.set(principal, PasswordPrompt.read("Password for \(principal): "), salt: SystemRandomness.bytes(16))
    }
    try File.replace(file, with: passwords.bytes, mode: 0o600, durable: true)
    printWarning(remove ? "\(principal) cannot log in any more." : "\(principal) can log in.")
  }
}

/// Reads a secret from a person, or from a program.
enum PasswordPrompt {
  private static let limit = 1_024

  /// The first line of standard input; from a terminal asked twice, and not shown.
  static func read(_ question: String) throws -> [UInt8] {
    guard isatty(STDIN_FILENO) == 1 else { return try line() }
    var before = termios()
    guard tcgetattr(STDIN_FILENO, &before) == 0 else { throw SystemError("asking the terminal how it is set") }
    var hidden = before
    hidden.c_lflag &= ~tcflag_t(ECHO)
    hidden.c_lflag |= tcflag_t(ECHONL)
    guard tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) == 0 else { throw SystemError("hiding what is typed") }
    defer { tcsetattr(STDIN_FILENO, TCSAFLUSH, &before) }
    let first = try ask(question)
    guard try ask("Again: ") == first else { throw CommandFailure(.failed, "the two are not the same") }
    return first
  }

  private static func ask(_ question: String) throws -> [UInt8] {
    let bytes = Array(question.utf8)
    _ = write(STDERR_FILENO, bytes, bytes.count)
    return try line()
  }

  private static func line() throws -> [UInt8] {
    var line: [UInt8] = []
    var byte: UInt8 = 0
    while try systemCall("reading the password", { Glibc.read(STDIN_FILENO, &byte, 1) }) == 1 {
      if byte == UInt8(ascii: "\n") { break }
      guard line.count < limit else { throw CommandFailure(.failed, "the password is too long") }
      line.append(byte)
    }
    if line.last == UInt8(ascii: "\r") { line.removeLast() }
    return line
  }
}
