import Glibc
import HostSystem
import StoreSync
import TestSupport
import Testing
import VersionedStore

/// `lares store password` and `lares store serve`, as programs.
@Suite struct WebCommandsTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Runs `lares store …` to its end.
  private func store(_ arguments: [String], input: String = "") throws -> (status: ChildProcess.Ending, words: String) {
    let typed = try Pipe()
    let said = try Pipe()
    try typed.writing.writeAll(Array(input.utf8), to: "a pipe")
    let child = try ChildProcess(
      ["\(Shell.products)/lares", "store"] + arguments,
      descriptors: [typed.reading.number, said.writing.number, said.writing.number])
    _ = typed.keepingReading()
    let words = try said.keepingReading().readToEnd(of: "lares")
    return (try child.wait(), String(decoding: words, as: UTF8.self))
  }

  @Test func aPasswordIsReadFromStandardInputAndKeptAsAHash() throws {
    let file = "\(folder.path)/passwords"
    let made = try store(["password", "ada", "--file", file], input: "correct horse\n")
    #expect(made.status == .exited(0) && !made.words.contains("horse"))
    let text = String(decoding: try File.read(file), as: UTF8.self)
    #expect(text.hasPrefix("person:ada scrypt 15 8 1 ") && !text.contains("horse"))
    var status = stat()
    #expect(stat(file, &status) == 0 && status.st_mode & 0o777 == 0o600)
    #expect(try PasswordFile(parsing: Array(text.utf8))["ada"]?.accepts(Array("correct horse".utf8)) == true)
    #expect(try store(["password", "ben", "--file", file], input: "short\n").status == .exited(1))
    #expect(try store(["password", "b n", "--file", file], input: "long enough\n").status == .exited(64))
    #expect(try store(["password", "ada", "--file", file, "--remove"]).status == .exited(0))
    #expect(try store(["password", "ada", "--file", file, "--remove"]).status == .exited(3))
  }

  @Test func aFolderIsServedUntilTheSignal() throws {
    let repository = "\(folder.path)/stores/open.git"
    try File.makeFolder("\(folder.path)/stores", mode: 0o755)
    #expect(try store(["init", repository]).status == .exited(0))
    let rights = "[[grant]]\nwho = [\"everybody\"]\npowers = [\"read\"]\n"
    try File.replace("\(repository)/lares/rights.toml", with: Array(rights.utf8), mode: 0o644, durable: false)
    let said = try Pipe()
    let null = try Descriptor(opening: "/dev/null", O_RDONLY)
    let server = try ChildProcess(
      ["\(Shell.products)/lares", "store", "serve", "\(folder.path)/stores", "--listen", "127.0.0.1:0"],
      descriptors: [null.number, null.number, said.writing.number])
    let reading = said.keepingReading()
    var line: [UInt8] = []
    var byte: UInt8 = 0
    while read(reading.number, &byte, 1) == 1, byte != UInt8(ascii: "\n") { line.append(byte) }
    let address = String(decoding: line, as: UTF8.self).split(separator: " ").last.map(String.init) ?? ""
    #expect(address.hasPrefix("http://127.0.0.1:"))
    var options = RemoteOptions()
    options.allowsPlainHTTP = true
    #expect(throws: Never.self) { try RemoteClient(.http("\(address)open"), options: options).describe() }
    #expect(throws: StoreError.self) { try RemoteClient(.http("\(address)none"), options: options).describe() }
    kill(server.identifier, SIGHUP)
    #expect(try server.poll() == nil)
    kill(server.identifier, SIGTERM)
    #expect(try server.wait() == .exited(0))
  }

  @Test func othersAreServedWithACertificateOnly() throws {
    let refused = try store(["serve", folder.path, "--listen", "0.0.0.0:0"])
    #expect(refused.status == .exited(1) && refused.words.contains("it needs a certificate and a key"))
    #expect(try store(["serve", folder.path, "--listen", "nonsense"]).status == .exited(64))
    #expect(try store(["serve", folder.path, "--key", "x"]).status == .exited(64))
    #expect(try store(["serve", "\(folder.path)/none"]).status == .exited(1))
  }
}
