import GitFormat
import Glibc
import HostSystem
import StoreSync
import VersionedStore

/// Stands in the place of `ssh` and of a forced command at its other end, for tests with stock git: serves the repository
/// that the last argument names over standard input and output.
///
/// usage: store-server [OPTION …] HOST "git-upload-pack 'PATH'"
///
/// STORE_SERVER_PEAK names a file for the greatest amount of memory that was in use, in KiB.
/// STORE_SERVER_REWIND=1 allows rewinds. STORE_SERVER_SYNTHETIC=N serves N blobs of a mebibyte from nowhere instead.
func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

func fail(_ text: String, _ code: Int32) -> Never {
  _ = (text + "\n").withCString { write(STDERR_FILENO, $0, strlen($0)) }
  exit(code)
}

let command = (CommandLine.arguments.last ?? "").split(separator: " ", maxSplits: 1)
guard command.count == 2, let service = Service(rawValue: String(command[0])) else { fail("what is asked?", 64) }
let path = String(command[1].dropFirst().dropLast())
do {
  let backend: any Backend
  if let count = variable("STORE_SERVER_SYNTHETIC").flatMap({ Int($0) }) {
    backend = try SyntheticBackend(blobs: count)
  } else {
    backend = try GitBackend(opening: path)
  }
  var policy = ServerPolicy(person: Signature(name: "Ada", email: "ada@home.arpa", time: 0)) {
    Clock.wallMilliseconds / 1_000
  }
  if variable("STORE_SERVER_REWIND") == "1" { policy.mayRewind = { _ in true } }
  let stream = DescriptorStream(reading: STDIN_FILENO, writing: STDOUT_FILENO)
  let version = ProtocolVersion(asked: variable("GIT_PROTOCOL"))
  switch service {
  case .uploadPack: try serveUploadPack(backend, stream, policy, version: version)
  case .receivePack: try serveReceivePack(backend, stream, policy, version: version)
  }
  if let file = variable("STORE_SERVER_PEAK") {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    try File.replace(file, with: Array("\(usage.ru_maxrss)".utf8), durable: false)
  }
} catch {
  fail("\(error)", 1)
}
