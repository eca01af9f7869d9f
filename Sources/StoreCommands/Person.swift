import GitFormat
import Glibc
import HostSystem
import VersionedStore

/// Who uses the command: by options, by Git's environment, or as the system knows them.
struct Person {
  let author: Identity
  let committer: Identity

  /// - Parameter text: `Name <mail>`.
  init(author text: String? = nil) {
    let system = Self.system
    func identity(_ role: String, _ usual: Identity) -> Identity {
      Identity(
        name: environmentVariable("GIT_\(role)_NAME") ?? usual.name,
        email: environmentVariable("GIT_\(role)_EMAIL") ?? usual.email)
    }
    let named = text.flatMap { Signature(line: $0.utf8) }.map { Identity(name: $0.name, email: $0.email) }
    author = named ?? identity("AUTHOR", system)
    committer = identity("COMMITTER", text == nil ? author : identity("AUTHOR", system))
  }

  /// The author's signature for now, in the zone of this machine.
  var authorNow: Signature {
    var seconds = time_t(Clock.wall)
    var local = tm()
    localtime_r(&seconds, &local)
    return Signature(name: author.name, email: author.email, time: Int64(seconds), zone: local.tm_gmtoff / 60)
  }

  private static var system: Identity {
    let entry = getpwuid(getuid())
    let login = entry.map { String(cString: $0.pointee.pw_name) } ?? "\(getuid())"
    // The first part of the comment is the full name (passwd(5)).
    let full = entry.flatMap { $0.pointee.pw_gecos }.map { String(cString: $0).prefix { $0 != "," } } ?? ""
    var host = [CChar](repeating: 0, count: 256)
    gethostname(&host, host.count - 1)
    let hostName = String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return Identity(
      name: full.isEmpty ? login : String(full), email: "\(login)@\(hostName.isEmpty ? "localhost" : hostName)")
  }
}
