import GitFormat
import Glibc
import HostSystem
import Household
import TestSupport
import Testing
import Wire

@testable import StoreSync
@testable import VersionedStore

/// Stock git, curl and our own client against our web server.
@Suite struct RepositoryServerTests {
  @Test func stockGitClonesPushesAndFetchesOverTLS() throws {
    let served = try ServedFolder()
    try served.fill("shared/home")
    let url = served.url("shared/home.git", as: "ada")
    try served.run("clone", "-q", url, "one")
    try served.run("clone", "-q", "--filter=blob:none", url, "partial")
    // Larger than http.postBuffer: sent in chunks, after a question whether the login is good.
    try served.git.write(SampleRepository.noise(300_000), to: "one/large")
    try served.run("add", ".", in: "one")
    try served.run("commit", "-qm", "large", in: "one")
    try served.run("-c", "http.postBuffer=65536", "push", "-q", "origin", "main", in: "one")
    try served.run("clone", "-q", "--depth", "1", url, "shallow")
    try served.run("fetch", "-q", "--unshallow", in: "shallow")
    #expect(try served.run("log", "--format=%s", in: "shallow") == "large\nfirst\n")
    for number in 0..<40 { try served.run("commit", "-q", "--allow-empty", "-m", "own \(number)", in: "shallow") }
    // So many commits to tell of that git sends them by gzip.
    try served.git.write("more", to: "one/more")
    try served.run("add", ".", in: "one")
    try served.run("commit", "-qm", "more", in: "one")
    try served.run("push", "-q", "origin", "main", in: "one")
    try served.run("fetch", "-q", "origin", in: "shallow")
    try served.run("fsck", "--strict", in: "shallow")
    try served.run("fsck", "--strict", in: "stores/shared/home.git")
    #expect(served.lines.text == "")
  }

  @Test func eachGetsWhatTheRightsSay() throws {
    let served = try ServedFolder()
    for name in ["shared/home", "public", "private"] { try served.fill(name) }
    try served.run("clone", "-q", served.url("shared/home", as: "ben"), "ben")
    try served.git.write("soup", to: "ben/recipes")
    try served.git.write("other", to: "ben/other")
    try served.run("add", "other", in: "ben")
    try served.run("commit", "-qm", "other", in: "ben")
    let refused = try served.attempt("push", "origin", "main", in: "ben")
    #expect(!refused.isSuccess && refused.output.contains("person:ben may not write other in refs/heads/main"))
    #expect(try !served.attempt("push", "origin", "main:new", in: "ben").isSuccess)
    try served.run("reset", "-q", "--soft", "HEAD~1", in: "ben")
    try served.run("rm", "-q", "--cached", "other", in: "ben")
    try served.run("add", "recipes", in: "ben")
    try served.run("commit", "-qm", "soup", in: "ben")
    try served.run("push", "-q", "origin", "main", in: "ben")
    let log = try File.read(served.git.path("stores/shared/home.git/logs/refs/heads/main"))
    #expect(String(decoding: log, as: UTF8.self).split(separator: "\n").last?.contains(" ben <ben@lares> ") == true)

    try served.run("clone", "-q", served.url("public"), "anybody")
    #expect(try !served.attempt("push", "origin", "HEAD:refs/heads/x", in: "anybody").isSuccess)
    for (name, person) in [("shared/home", nil), ("private", nil), ("private", "ben"), ("none", "ada")] {
      #expect(try !served.attempt("clone", served.url(name, as: person), "no").isSuccess)
    }
  }

  /// `git mv` takes a pointer along and leaves its chunks, also where a filter shows the value.
  @Test func aPointerIsNotMovedWithoutItsChunks() throws {
    let served = try ServedFolder(isSecure: false)
    try served.fill("public", files: 1)
    let work = "work-public", value = Array(repeating: UInt8(7), count: 5_000)
    for folder in ["a/.lares-chunks/film", "b/.lares-chunks"] {
      try File.makeFolder(served.git.path("\(work)/\(folder)"), mode: 0o755)
    }
    try served.git.write(String(decoding: value, as: UTF8.self), to: "\(work)/a/.lares-chunks/film/0")
    try served.run("add", ".", in: work)
    let tree = try served.run("write-tree", "--prefix=a/.lares-chunks/film/", in: work).dropLast()
    let pointer = ChunkPointer(
      size: value.count, sha256: ObjectID(.sha256, Array(repeating: 1, count: 32)),
      tree: try #require(ObjectID(hex: String(tree))))
    try served.git.write(String(decoding: pointer.bytes, as: UTF8.self), to: "\(work)/a/film")
    try served.run("add", ".", in: work)
    try served.run("commit", "-qm", "film", in: work)
    let url = served.url("public", as: "ada")
    try served.run("push", "-q", url, "main", in: work)
    try served.git.write("text", to: "\(work)/b/text")
    try served.run("add", ".", in: work)
    try served.run("mv", "a/film", "b/film", in: work)
    try served.run("commit", "-qm", "moved", in: work)
    let refused = try served.attempt("push", url, "main", in: work)
    #expect(!refused.isSuccess && refused.output.contains("b/film would lose its value"), "\(refused.output)")
    // With its chunks it may go; and so may both.
    try served.run("mv", "a/.lares-chunks/film", "b/.lares-chunks/film", in: work)
    try served.run("commit", "-qm", "moved whole", in: work)
    try served.run("push", "-q", url, "main", in: work)
    try served.run("rm", "-qr", "b/.lares-chunks", in: work)
    try served.run("commit", "-qm", "lost", in: work)
    #expect(try !served.attempt("push", url, "main", in: work).isSuccess)
    try served.run("rm", "-q", "b/film", in: work)
    try served.run("commit", "-qm", "gone", in: work)
    try served.run("push", "-q", url, "main", in: work)
  }

  @Test func ourClientSpeaksWithIt() throws {
    let served = try ServedFolder()
    try served.fill("shared/home")
    var options = RemoteOptions()
    options.certificateFile = served.git.path("authority.pem")
    options.credentials = { _ in Credentials(user: "ada", password: "correct horse") }
    let found = try RemoteClient(.http(served.url("shared/home")), options: options).describe()
    #expect(found.references.contains { $0.name.text == "refs/heads/main" })
  }

  @Test func whatIsHiddenAnswersAsWhatIsNotThere() throws {
    let served = try ServedFolder()
    func answer(_ name: String, _ login: [String]) throws -> String {
      try served.curl(login + [served.url(name) + "/info/refs?service=git-upload-pack"])
    }
    let ben = ["-u", "ben:battery staple"]
    #expect(try answer("private", ben) == answer("none", ben))
    #expect(try answer("private.git", []) == answer("none.git", []))
    #expect(try answer("private", ben).hasPrefix("HTTP/1.1 404 "))
    #expect(try answer("private", []).hasPrefix("HTTP/1.1 401 "))
    #expect(try answer("public", []).hasPrefix("HTTP/1.1 200 "))
    #expect(try answer("private", ["-u", "ada:wrong"]).hasPrefix("HTTP/1.1 401 "))
    #expect(try answer("private", ["-u", "eve:correct horse"]).hasPrefix("HTTP/1.1 401 "))
    #expect(try answer("private", ["-H", "Authorization: Bearer x"]).hasPrefix("HTTP/1.1 401 "))
    // A broken file of rights gives nothing to nobody.
    try served.git.write("[[grant]]\nwho = 1", to: "stores/rights.toml")
    #expect(try answer("public", ["-u", "ada:correct horse"]).hasPrefix("HTTP/1.1 500 "))
    #expect(try answer("public", []).hasPrefix("HTTP/1.1 401 "))
    #expect(served.lines.text.contains("rights.toml:2:7: a list of strings is expected"))
  }

  @Test(arguments: [
    ("/../../etc/passwd/info/refs", 404), ("/%2e%2e/stores/private/info/refs", 404),
    ("/shared/%2e/home/info/refs", 404),
    ("/shared%2fhome/info/refs?service=git-upload-pack", 200), ("/private.git/refs/info/refs", 404),
    ("/shared/home.git/HEAD", 404), ("/shared/home.git/objects/info/packs", 404), ("/%00/info/refs", 404),
    ("/%zz/info/refs", 404), ("//shared/home/info/refs", 404), ("/shared/home/info/refs", 403),
    ("/shared/home/info/refs?service=git-evil", 403), ("/shared/home/git-upload-pack", 405), ("/", 404),
    ("/shared/info/refs", 404), ("/rights.toml", 404),
  ])
  func oddAddressesHaveTheirStatus(_ path: String, _ status: Int) throws {
    let served = try ServedFolder(isSecure: false)
    let answer = try served.curl(["-u", "ada:correct horse", "http://127.0.0.1:\(served.port)\(path)"])
    #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer)")
    #expect(!answer.contains("root:"))
  }

  @Test func oddRequestsHaveTheirStatus() throws {
    let served = try ServedFolder(isSecure: false)
    let url = served.url("public")
    func status(_ arguments: [String]) throws -> String {
      let lines = try served.curl(["-u", "ada:correct horse"] + arguments).split(separator: "\r\n")
      return lines.filter { $0.hasPrefix("HTTP/1.1 ") }.map { String($0.dropFirst(9).prefix(3)) }.joined(separator: " ")
    }
    #expect(try status(["-X", "DELETE", "\(url)/info/refs?service=git-upload-pack"]) == "405")
    #expect(try status(["-I", "\(url)/info/refs?service=git-upload-pack"]) == "405")
    #expect(try status(["-X", "PUT", "-d", "x", "\(url)/git-upload-pack"]) == "405")
    #expect(try status(["-d", "x", "\(url)/git-upload-pack"]) == "415")
    #expect(try status(["-H", "X: \(String(repeating: "x", count: 20_000))", "\(url)/info/refs"]) == "431")
    #expect(try status(["-H", "Expect: miracles", "-d", "x", "\(url)/git-upload-pack"]) == "417")
    let type = ["-H", "Content-Type: application/x-git-upload-pack-request"]
    #expect(
      try status(type + ["-H", "Expect: 100-continue", "--data-binary", "0000", "\(url)/git-upload-pack"]) == "100 200")
    #expect(
      try status(type + ["-H", "Expect: 100-continue", "-d", "0000", served.url("none") + "/git-upload-pack"]) == "404")
    #expect(try status(type + ["-H", "Transfer-Encoding: chunked", "-d", "0000", "\(url)/git-upload-pack"]) == "200")
    #expect(try status(type + ["-H", "Content-Encoding: br", "-d", "0000", "\(url)/git-upload-pack"]) == "415")
    #expect(try status(["--http1.0", "\(url)/info/refs?service=git-upload-pack"]).isEmpty == false)
  }

  /// Sends bytes on a connection in the clear and gives what comes until the server ends it. A server that wants none of
  /// it may reset the connection.
  private func exchange(_ served: ServedFolder, _ text: String) throws -> String {
    let connection = try served.connect()
    try? connection.writeAll(Array(text.utf8), to: "the server")
    return String(decoding: (try? connection.readToEnd(of: "the server")) ?? [], as: UTF8.self)
  }

  @Test func requestsFollowEachOtherOnAConnection() throws {
    let served = try ServedFolder(isSecure: false)
    let get = "GET /public/info/refs?service=git-upload-pack HTTP/1.1\r\nHost: x\r\n"
    let both = try exchange(served, get + "\r\n" + get + "Connection: close\r\n\r\n")
    #expect(both.split(separator: "HTTP/1.1 200 ").count == 2)
    #expect(both.hasSuffix("0\r\n\r\n"))
    let refused = try exchange(
      served, "POST /none/git-upload-pack HTTP/1.1\r\nContent-Length: 4\r\n\r\n0000" + get + "Connection: close\r\n\r\n"
    )
    #expect(refused.hasPrefix("HTTP/1.1 401 ") && refused.contains("HTTP/1.1 200 "))
    // Two lengths, of which two readers would take one each.
    let two = "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    #expect(try exchange(served, "POST /public/git-upload-pack HTTP/1.1\r\n" + two).hasPrefix("HTTP/1.1 400 "))
    let coded = "POST /public/git-upload-pack HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n"
    #expect(try exchange(served, coded).hasPrefix("HTTP/1.1 501 "))
    #expect(try exchange(served, "nonsense\r\n\r\n").hasPrefix("HTTP/1.1 400 "))
  }

  @Test func whoStallsIsLetGo() throws {
    let served = try ServedFolder(isSecure: false) { settings in
      settings.patience.headMilliseconds = 300
      settings.patience.bodyMilliseconds = 300
    }
    let login = "Authorization: Basic YWRhOmNvcnJlY3QgaG9yc2U=\r\n"
    #expect(try exchange(served, "") == "")
    #expect(try exchange(served, "GET /public") == "")
    let cut =
      "POST /public/git-receive-pack HTTP/1.1\r\n\(login)Content-Type: application/x-git-receive-pack-request\r\n"
    #expect(try !exchange(served, cut + "Content-Length: 100000000\r\n\r\n0032").contains("unpack ok"))
    // One byte at a time is no way around it: all of them would take ten seconds.
    let slow = try served.connect()
    let start = Clock.now
    for byte in Array("GET /public/info/refs HTTP/1.1\r\nX: \(String(repeating: "y", count: 500))".utf8) {
      guard send(slow.number, [byte], 1, Int32(MSG_NOSIGNAL)) == 1 else { break }
      usleep(20_000)
    }
    #expect(((try? slow.readToEnd(of: "the server")) ?? []).isEmpty)
    #expect(Clock.now.milliseconds(since: start) < 8_000)
  }

  @Test func oneAddressHasOnlySoManyConnections() throws {
    let served = try ServedFolder(isSecure: false) { settings in
      settings.connections = 4
      settings.connectionsOfOneAddress = 3
    }
    let request = "GET / HTTP/1.1\r\nConnection: close\r\n\r\n"
    let silent = try Many(served, 3)
    #expect(try exchange(served, request) == "")
    silent.close()
    var answer = ""
    #expect(
      try eventually(every: .milliseconds(50)) {
        answer = try exchange(served, request)
        return !answer.isEmpty
      })
    #expect(answer.hasPrefix("HTTP/1.1 404 "))
  }

  /// Connections that say nothing.
  private final class Many {
    private let numbers: [Int32]

    init(_ served: ServedFolder, _ count: Int) throws {
      var numbers: [Int32] = []
      for _ in 0..<count { numbers.append(try served.connect().release()) }
      self.numbers = numbers
      usleep(100_000)
    }

    func close() { for number in numbers { Glibc.close(number) } }
  }

  @Test func manyCloneAtOnce() throws {
    let served = try ServedFolder()
    try served.fill("shared/home", files: 100)
    let count = Soak.count(8, soak: 50)
    let url = served.url("shared/home", as: "ada")
    let threads = try (0..<count).map { number in
      try Thread { [git = served.git, variables = served.variables] in
        _ = try? git.attempt(["clone", "-q", url, "clone\(number)"], variables: variables)
      }
    }
    for thread in threads { thread.join() }
    for number in 0..<count { try served.run("fsck", "--strict", in: "clone\(number)") }
    #expect(served.lines.text == "")
  }

  @Test func stoppingLetsARequestComeToItsEnd() throws {
    let served = try ServedFolder(isSecure: false)
    let idle = try served.connect()
    let busy = try served.connect()
    let login = "Authorization: Basic YWRhOmNvcnJlY3QgaG9yc2U=\r\n"
    let head = "POST /public/git-upload-pack HTTP/1.1\r\n\(login)Expect: 100-continue\r\nContent-Length: 4\r\n"
    try busy.writeAll(
      Array("\(head)Content-Type: application/x-git-upload-pack-request\r\n\r\n".utf8), to: "the server")
    // From here on it is answering.
    var seen: [UInt8] = []
    while seen.count < 25 {
      var byte: UInt8 = 0
      guard read(busy.number, &byte, 1) == 1 else { break }
      seen.append(byte)
    }
    #expect(String(decoding: seen, as: UTF8.self) == "HTTP/1.1 100 Continue\r\n\r\n")
    served.server.stop()
    #expect(try idle.readToEnd(of: "the server").isEmpty)
    try busy.writeAll(Array("0000".utf8), to: "the server")
    #expect(String(decoding: try busy.readToEnd(of: "the server"), as: UTF8.self).hasPrefix("HTTP/1.1 200 "))
  }

  @Test func onlyThisMachineIsServedWithoutACertificate() throws {
    let folder = try TemporaryFolder()
    for address in [
      SocketAddress(.v4(IPv4Address(0, 0, 0, 0)), port: 0), SocketAddress(.v4(IPv4Address(192, 0, 2, 1)), port: 0),
    ] {
      #expect(throws: StoreError.self) {
        try RepositoryServer(ServedRepositories(folder.path) { 0 }, RepositoryServerSettings(listen: [address]))
      }
    }
  }

  @Test func oldTLSAndNoTLSAreRefused() throws {
    let served = try ServedFolder()
    let plain = try served.curl(["http://127.0.0.1:\(served.port)/public/info/refs"])
    #expect(!plain.contains("HTTP/1.1 200"))
    let old = try served.curl(["--tlsv1.0", "--tls-max", "1.1", served.url("public") + "/info/refs"])
    #expect(!old.contains("HTTP/1.1 "))
    let new = try served.curl(["--tlsv1.2", "--tls-max", "1.2", served.url("public") + "/info/refs"])
    #expect(new.contains("HTTP/1.1 403"))
    try served.server.reload()
    try served.git.write("no certificate", to: "server.pem")
    #expect(throws: StoreError.self) { try served.server.reload() }
    #expect(try served.curl([served.url("public") + "/info/refs"]).contains("HTTP/1.1 403"))
  }
}
