import GitFormat
import Glibc
import HostSystem
import Household
import Synchronization
import TestSupport
import Testing
import VersionedStore
import Wire

@testable import StoreSync

/// A folder of repositories behind a server of ours, by TLS or in the clear, and stock clients of it.
final class ServedFolder {
  let git: StockGit
  let server: RepositoryServer
  private let thread: BackgroundThread
  private let isSecure: Bool
  let lines = Lines()

  final class Lines: Sendable {
    private let all = Mutex<[String]>([])
    func append(_ line: String) { all.withLock { $0.append(line) } }
    var text: String { all.withLock { $0.joined(separator: "\n") } }
  }

  static let passwords = [("ada", "correct horse"), ("ben", "battery staple")]

  static let rights = """
    [[grant]]
    who = ["person:ada"]
    powers = ["administer"]

    [[grant]]
    who = ["person:ben"]
    repositories = ["shared/**"]
    branches = ["main"]
    paths = ["recipes"]
    powers = ["write"]

    [[grant]]
    who = ["everybody"]
    repositories = ["public"]
    powers = ["read"]
    """

  init(isSecure: Bool = true, change: (inout RepositoryServerSettings) -> Void = { _ in }) throws {
    git = try StockGit()
    self.isSecure = isSecure
    let folder = git.path("stores")
    for name in ["shared/home", "private", "public"] {
      try File.makeFolder(File.folderName(of: "\(folder)/\(name)"), mode: 0o755)
      _ = try GitBackend.create("\(folder)/\(name).git", format: .sha1, head: .branch("main")!)
    }
    try git.write(Self.rights, to: "stores/rights.toml")
    var passwords = PasswordFile()
    for (name, password) in Self.passwords {
      try passwords.set(
        .person(name), Array(password.utf8), salt: Array(name.utf8) + Array(repeating: 7, count: 13),
        cost: PassphraseCost(logarithm: 4))
    }
    try File.replace(git.path("passwords"), with: passwords.bytes, mode: 0o600, durable: false)
    var settings = RepositoryServerSettings(listen: [SocketAddress(.v4(IPv4Address(127, 0, 0, 1)), port: 0)])
    settings.passwords = git.path("passwords")
    if isSecure {
      try TestCertificate.make(in: git.folder.path)
      settings.certificate = (git.path("server.pem"), git.path("server.key"))
    }
    let lines = lines
    settings.log = { lines.append($0) }
    change(&settings)
    let server = try RepositoryServer(ServedRepositories(folder) { Clock.wall }, settings)
    self.server = server
    thread = try BackgroundThread { try? server.run(graceMilliseconds: 2_000) }
  }

  deinit { server.stop() }

  var port: UInt16 { server.addresses[0].port }
  private var scheme: String { isSecure ? "https" : "http" }

  /// The address of a repository, with a name and password where it is to be somebody's.
  func url(_ name: String, as person: String? = nil) -> String {
    let password = Self.passwords.first { $0.0 == person }?.1
    let login = person.map { "\($0):\(percentEncoded(password ?? "wrong"))@" } ?? ""
    return "\(scheme)://\(login)127.0.0.1:\(port)/\(name)"
  }

  var variables: [String: String] {
    ["GIT_SSL_CAINFO": git.path("authority.pem"), "GIT_TERMINAL_PROMPT": "0", "GIT_COMMITTER_EMAIL": "ada@lares"]
  }

  func attempt(_ arguments: String..., in name: String = "") throws -> StockGit.Outcome {
    try git.attempt(arguments, in: name, variables: variables)
  }

  @discardableResult
  func run(_ arguments: String..., in name: String = "") throws -> String {
    let outcome = try git.attempt(arguments, in: name, variables: variables)
    try #require(outcome.isSuccess, "git \(arguments.joined(separator: " ")): \(outcome.output)\n\(lines.text)")
    return outcome.output
  }

  /// A working tree with a commit, pushed to a repository as ada.
  func fill(_ name: String, files: Int = 20) throws {
    let work = "work-\(name.split(separator: "/").joined(separator: "-"))"
    try run("init", "-q", "-b", "main", work)
    for number in 0..<files { try git.write("file \(number)\n", to: "\(work)/file\(number)") }
    try run("add", ".", in: work)
    try run("commit", "-qm", "first", in: work)
    try run("push", "-q", url(name, as: "ada"), "main", in: work)
  }

  /// What curl says: the answer's head and body.
  func curl(_ arguments: [String]) throws -> String {
    let pipe = try Pipe()
    let null = try Descriptor(opening: "/dev/null", O_RDONLY)
    let output = pipe.writing.number
    let child = try ChildProcess(
      ["curl", "-sS", "-i", "--max-time", "30", "--path-as-is", "--cacert", git.path("authority.pem")] + arguments,
      environment: ["PATH": getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"],
      descriptors: [null.number, output, output])
    let bytes = try pipe.keepingReading().readToEnd(of: "curl")
    _ = try child.wait()
    return String(decoding: bytes, as: UTF8.self)
  }

  /// A connection in the clear.
  func connect() throws -> Descriptor {
    let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    let descriptor = Descriptor(owning: number)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let done = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    try #require(done)
    return descriptor
  }
}
