import Glibc
import Household
import TestSupport
import Testing
import Wire

@testable import HostSystem

@Suite struct FactTests {
  private let kind = FactKind<PauseFact>("pauses", isDurable: true)

  private func pause(_ device: String, since: Int64 = 1) -> PauseFact {
    PauseFact(device: device, since: since, until: nil, by: "test")
  }

  @Test func lastsAcrossWriters() throws {
    let folder = try TemporaryFolder()
    do {
      let writer = try FactWriter(kind, in: folder.folders, loop: nil)
      try writer.set("tablet", pause("tablet"))
      try writer.set("phone", pause("phone"))
      try writer.remove("tablet")
    }
    let writer = try FactWriter(kind, in: folder.folders, loop: nil)
    #expect(writer.values == ["phone": pause("phone")])
    #expect(writer.recoveryNote == nil)
  }

  @Test func equalValuesWriteNothing() throws {
    let folder = try TemporaryFolder()
    let writer = try FactWriter(kind, in: folder.folders, loop: nil)
    #expect(try writer.apply([("a", pause("a"))]) == 1)
    #expect(try writer.apply([("a", pause("a")), ("b", nil)]) == 0)
  }

  /// One batch gives a fact up and takes it back: what counts is what it is in the end, also on the disk.
  @Test func theLastChangeOfABatchCounts() throws {
    let folder = try TemporaryFolder()
    do {
      let writer = try FactWriter(kind, in: folder.folders, loop: nil)
      try writer.set("a", pause("a"))
      #expect(try writer.apply([("a", nil), ("a", pause("a")), ("b", pause("b")), ("b", nil)]) == 0)
      #expect(try writer.apply([("a", nil), ("a", pause("a", since: 2)), ("a", pause("a"))]) == 0)
      #expect(try writer.apply([("a", pause("a")), ("a", pause("a", since: 3))]) == 1)
    }
    #expect(try FactWriter(kind, in: folder.folders, loop: nil).values == ["a": pause("a", since: 3)])
  }

  /// A disk without room keeps nobody from starting, and takes facts again as soon as there is some.
  @Test(.enabled(if: geteuid() == 0, "needs the right to mount")) func aFullDiskAtTheStartKeepsWhatWasThere() throws {
    let mountPoint = try TemporaryFolder()
    try #require(mount("tmpfs", mountPoint.path, "tmpfs", 0, "size=64k") == 0)
    // Unmounted at once: the disk lives as long as somebody has it open.
    let disk = try Descriptor(opening: mountPoint.path, O_RDONLY | O_DIRECTORY)
    umount2(mountPoint.path, Int32(MNT_DETACH))
    let root = "/proc/\(getpid())/fd/\(disk.number)"
    let folders = Folders(state: root + "/state", run: root + "/run")
    do {
      let writer = try FactWriter(kind, in: folders, loop: nil)
      try writer.set("a", pause("a"))
      try writer.set("b", pause("b"))
    }
    let tail = folders.facts(kind) + "/tail"
    try File.replace(tail, with: try File.read(tail).dropLast(3), durable: false)
    _ = try runCommand(["dd", "if=/dev/zero", "of=\(root)/fill", "bs=4096"])
    let writer = try FactWriter(kind, in: folders, loop: nil)
    #expect(writer.values == ["a": pause("a")])
    #expect(writer.recoveryNote?.contains("no room") == true)
    try File.remove(root + "/fill")
    try writer.set("c", pause("c"))
    let again = try FactWriter(kind, in: folders, loop: nil)
    #expect(again.values == ["a": pause("a"), "c": pause("c")] && again.recoveryNote == nil)
    withExtendedLifetime(disk) {}
  }

  /// Whatever byte a power cut ends at, what was acknowledged before is there, and what comes after works.
  @Test func everyCutOfTheTailRecovers() throws {
    let folder = try TemporaryFolder()
    let tailPath = folder.folders.facts(kind) + "/tail"
    var tail: [UInt8] = []
    do {
      let writer = try FactWriter(kind, in: folder.folders, loop: nil)
      try writer.set("a", pause("a"))
      let before = try File.read(tailPath).count
      try writer.set("b", pause("b"))
      tail = try File.read(tailPath)
      #expect(tail.count > before)
    }
    let lines = tail.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    let acknowledged = lines[0].count + lines[1].count + 2
    for cut in acknowledged..<tail.count {
      try File.replace(tailPath, with: tail[..<cut], durable: false)
      let snapshot = try File.read(folder.folders.facts(kind) + "/snapshot")
      do {
        let writer = try FactWriter(kind, in: folder.folders, loop: nil)
        #expect(writer.values == ["a": pause("a")])
        #expect((writer.recoveryNote == nil) == (cut == acknowledged))
        try writer.set("c", pause("c"))
      }
      let again = try FactWriter(kind, in: folder.folders, loop: nil)
      #expect(again.values == ["a": pause("a"), "c": pause("c")])
      try File.replace(folder.folders.facts(kind) + "/snapshot", with: snapshot, durable: false)
    }
  }

  /// A crash after the snapshot was replaced and before the tail was.
  @Test func oldTailBesideNewSnapshotChangesNothing() throws {
    let folder = try TemporaryFolder()
    let path = folder.folders.facts(kind)
    var oldTail: [UInt8] = []
    do {
      let writer = try FactWriter(kind, in: folder.folders, loop: nil)
      try writer.set("a", pause("a", since: 1))
      try writer.set("a", pause("a", since: 2))
      try writer.remove("a")
      try writer.set("b", pause("b"))
      oldTail = try File.read(path + "/tail")
    }
    _ = try FactWriter(kind, in: folder.folders, loop: nil)
    try File.replace(path + "/tail", with: oldTail, durable: false)
    let writer = try FactWriter(kind, in: folder.folders, loop: nil)
    #expect(writer.values == ["b": pause("b")])
  }

  @Test func readerFollowsAndKeepsTheLastCopy() throws {
    let folder = try TemporaryFolder()
    let loop = try EventLoop()
    func turn(until condition: () -> Bool) throws {
      let hasCome = try eventually(every: .zero) {
        try loop.runOnce(limitMilliseconds: 20)
        return condition()
      }
      #expect(hasCome)
    }
    let reader = FactReader(kind, in: folder.folders, loop: loop)
    var changed: Set<String> = []
    reader.onChange = { changed.formUnion($0) }
    do {
      let writer = try FactWriter(kind, in: folder.folders, loop: loop)
      try turn { reader.isConnected }
      try writer.set("a", pause("a"))
      try turn { !changed.isEmpty }
      #expect(changed == ["a"])
      for index in 0..<2_000 { try writer.set("a", pause("a", since: Int64(index))) }
      try turn { reader.values["a"]?.since == 1_999 }
      #expect(reader.values == ["a": pause("a", since: 1_999)])
    }
    try turn { !reader.isConnected }
    #expect(reader.values.count == 1)
    let writer = try FactWriter(kind, in: folder.folders, loop: loop)
    try writer.set("b", pause("b"))
    try turn { reader.values.count == 2 }
    #expect(Set(reader.values.keys) == ["a", "b"])
  }

  @Test func rewritingKeepsWhatIsWrittenAfterIt() throws {
    let folder = try TemporaryFolder()
    do {
      let writer = try FactWriter(kind, in: folder.folders, loop: nil)
      try writer.set("a", pause("a"))
      try writer.rewriteAll(with: ["b": pause("b")])
      try writer.set("c", pause("c"))
    }
    let writer = try FactWriter(kind, in: folder.folders, loop: nil)
    #expect(writer.values == ["b": pause("b"), "c": pause("c")])
  }

  /// Where nothing can be written, rewriting says so even though nothing has changed, and the old facts stay.
  @Test func rewritingFailsWhereNothingCanBeWritten() throws {
    let folder = try TemporaryFolder()
    let writer = try FactWriter(kind, in: folder.folders, loop: nil)
    try writer.set("a", pause("a"))
    // A folder in the way of the file that would be written, for root may write everywhere.
    let obstacle = folder.folders.facts(kind) + "/snapshot.new"
    try File.makeFolder(obstacle)
    #expect(throws: SystemError.self) { try writer.rewriteAll(with: writer.values) }
    #expect(writer.values == ["a": pause("a")])
    #expect(rmdir(obstacle) == 0)
    try writer.rewriteAll(with: writer.values)
    try writer.set("b", pause("b"))
    #expect(try FactWriter(kind, in: folder.folders, loop: nil).values.count == 2)
  }

  /// The writer replaces both files after the reader has read the first: the reader notices and reads again.
  @Test func tailAheadOfItsSnapshotIsNoticed() throws {
    let folder = try TemporaryFolder()
    let path = folder.folders.facts(kind)
    do {
      let writer = try FactWriter(kind, in: folder.folders, loop: nil)
      try writer.set("a", pause("a"))
    }
    let oldSnapshot = try File.read(path + "/snapshot")
    _ = try FactWriter(kind, in: folder.folders, loop: nil)
    try File.replace(path + "/snapshot", with: oldSnapshot, durable: false)
    let contents = try FactFiles(folder: path).read(PauseFact.self)
    #expect(contents.tailSequence > contents.snapshotSequence)
  }

  /// Thousands of facts that change many times over, with the files replaced under the reader.
  @Test func readerKeepsUpWithReplacedFiles() throws {
    let folder = try TemporaryFolder()
    let loop = try EventLoop()
    let volatile = FactKind<PauseFact>("many")
    let writer = try FactWriter(volatile, in: folder.folders, loop: loop)
    let reader = FactReader(volatile, in: folder.folders, loop: loop)
    for round in 0..<40 {
      try writer.apply((0..<100).map { ("k\($0)", $0 % 7 == round % 7 ? nil : pause("p", since: Int64(round))) })
      try loop.runOnce(limitMilliseconds: 0)
    }
    let hasCome = try eventually(every: .zero) {
      try loop.runOnce(limitMilliseconds: 20)
      return reader.values == writer.values
    }
    #expect(hasCome)
  }

  @Test func damagedLineEndsTheTail() throws {
    var contents = FactFiles.Contents<PauseFact>()
    let good = try FactFiles.line(FactFiles.Entry(sequence: 1, key: "a", value: pause("a")))
    var bad = try FactFiles.line(FactFiles.Entry(sequence: 2, key: "b", value: pause("b")))
    bad[20] ^= 1
    #expect(FactFiles.apply(good + bad + good, to: &contents, header: \.tailSequence) == good.count)
    #expect(contents.values.keys.sorted() == ["a"])
  }

  /// What leases write themselves is what the encoder writes, with every escape.
  @Test(arguments: [nil, "phone", "q\"\\/\u{8}\t\n\u{c}\r\u{1}\u{1f}ü€\u{1F600}"])
  func leasesWriteTheEncodersBytes(name: String?) throws {
    let lease = Lease(
      address: IPv4Address(192, 0, 2, 7), hardware: MACAddress(value: 0x0200_0000_0010), clientIdentifier: name,
      hostName: name, network: "home", device: name, state: .active, since: -1, renewed: 0, expires: 1_767_225_600)
    var writer = JSONObjectWriter()
    lease.writeJSON(to: &writer)
    #expect(try writer.finish() == JSON.encode(lease))
    let entry = FactFiles.Entry(sequence: 7, key: "192.0.2.7", value: lease)
    #expect(FactFiles.payload(of: try FactFiles.line(entry).dropLast()) == ArraySlice(try JSON.encode(entry)))
    let removal = FactFiles.Entry<Lease>(sequence: 8, key: "192.0.2.7", value: nil)
    #expect(FactFiles.payload(of: try FactFiles.line(removal).dropLast()) == ArraySlice(try JSON.encode(removal)))
  }

  /// The check value of CRC-32/ISO-HDLC.
  @Test func crc32() { #expect(CRC32.checksum(of: "123456789".utf8) == 0xcbf4_3926) }
}

@Suite struct EventLoopTests {
  @Test func timersRunInOrderAndCancelledOnesDoNot() throws {
    let loop = try EventLoop()
    var order: [Int] = []
    loop.schedule(afterMilliseconds: 20) { order.append(3) }
    loop.schedule(afterMilliseconds: 1) { order.append(1) }
    let cancelled = loop.schedule(afterMilliseconds: 5) { order.append(99) }
    loop.schedule(afterMilliseconds: 10) {
      order.append(2)
      cancelled.cancel()
    }
    cancelled.cancel()
    loop.schedule(afterMilliseconds: 30) { loop.stop() }
    try loop.run()
    #expect(order == [1, 2, 3])
  }
}
