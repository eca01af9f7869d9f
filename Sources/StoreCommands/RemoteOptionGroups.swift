import ArgumentParser
import GitFormat
import Glibc
import HostSystem
import StoreSync
import VersionedStore

/// How other repositories are reached.
struct ReachOptions: ParsableArguments {
  @Flag(help: "Use http:// too, which everybody on the way can read and change.")
  var allowHTTP = false
  @Option(help: ArgumentHelp("Trust the certificates in this file instead of the system's.", valueName: "file"))
  var certificates: String?
  @Flag(help: "Say on standard error how far it is, also where that is no terminal.")
  var progress = false

  /// A repository that was named on the command line, or by the configuration of this one.
  func client(_ address: String, person: Person) throws -> RemoteClient {
    var options = RemoteOptions()
    options.allowsPlainHTTP = allowHTTP
    options.certificateFile = certificates
    if let command = environmentVariable("GIT_SSH_COMMAND") {
      options.sshCommand = ["sh", "-c", "\(command) \"$@\"", "ssh"]
    } else if isatty(STDIN_FILENO) == 1 {
      // Somebody is there who can be asked for a password.
      options.sshCommand = ["ssh"]
    }
    let netrc = environmentVariable("NETRC") ?? environmentVariable("HOME").map { "\($0)/.netrc" }
    options.credentials = { host in
      guard let file = netrc.flatMap({ try? File.readIfPresent($0) }) else { return nil }
      return Netrc.credentials(for: host, in: String(decoding: file, as: UTF8.self))
    }
    if progress || isatty(STDERR_FILENO) == 1 { options.progress = { printWarning($0) } }
    return RemoteClient(try Remote(address, openedBy: person.authorNow) { Clock.wall }, options: options)
  }

  /// An address as it stands in a configuration: what is a path here is one from the root there.
  static func whole(_ address: String) throws -> String {
    guard case .path(let folder) = try Remote(address) else { return address }
    guard let path = realpath(folder, nil) else { throw SystemError("finding the repository \(folder)") }
    defer { free(path) }
    return String(cString: path)
  }
}

/// Names and passwords by host, as curl(1) and git read them from `~/.netrc` (ftp(1), "The .netrc file").
enum Netrc {
  static func credentials(for host: String, in text: String) -> Credentials? {
    var words = text.split(whereSeparator: \.isWhitespace).map(String.init)[...]
    var isHere = false
    var user: String?, password: String?
    while let word = words.popFirst() {
      switch word {
      case "machine", "default":
        // The first entry for the host counts, also where it says too little.
        if isHere { return nil }
        isHere = word == "default" || words.popFirst() == host
      case "login":
        let value = words.popFirst()
        if isHere { user = value }
      case "password":
        let value = words.popFirst()
        if isHere { password = value }
      default: continue
      }
      if let user, let password { return Credentials(user: user, password: password) }
    }
    return nil
  }
}

/// Which other repository.
struct RemoteArgument {
  var name: String
  /// nil: it is an address, and has no name here.
  var settings: RemoteSettings?

  /// - Parameter text: a remote's name in the configuration, or an address.
  init(_ text: String, of repository: Repository) throws {
    name = text
    guard let backend = repository.backend as? GitBackend else { return }
    let configuration = try File.readIfPresent("\(backend.folder)/config") ?? []
    let found = RemoteSettings(text, in: String(decoding: configuration, as: UTF8.self))
    if found.address != nil { settings = found }
    if settings == nil, !text.contains("/"), !text.contains(":"), access(text, F_OK) != 0 {
      throw CommandFailure(
        .absent, "there is no remote \(Words.line(text)) in the configuration of this repository, and no such folder")
    }
  }

  var address: String { settings?.address ?? name }

  /// What a fetch does with the remote's references; none for an address.
  func refspecs() throws -> [RefSpec] {
    guard let settings else { return [] }
    let texts = settings.fetch.isEmpty ? ["+refs/heads/*:refs/remotes/\(name)/*"] : settings.fetch
    return try texts.map { try RefSpec($0) }
  }
}
