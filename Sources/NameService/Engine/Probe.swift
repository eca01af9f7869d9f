import CHostSystem
import CNameService
import Glibc
import HostSystem
import Wire

public func hitServer(port: UInt16, names: Int) -> Never {
  var g = SystemRandomness()
  var path = HitPath(capacity: 100_000, secret: HashSecret(using: &g), groups: GroupTable())!
  for i in 0..<names {
    let n = String(1_000_000 + i)
    let name = [8] + Array(("h" + n).utf8) + [5] + Array("bench".utf8) + [7] + Array("example".utf8) + [0]
    let records = AnswerRecords(
      flags: [.response, .recursionAvailable], answerCount: 1,
      body: [0xc0, 0x0c, 0, 1, 0, 1, 0, 1, 0x51, 0x80, 0, 4, 192, 0, 2, 1], ttlOffsets: [6])
    (name + [0, 0, 0, 0, 0, 0, 0]).withUnsafeBytes {
      path.key.fill(name: $0.baseAddress!, length: name.count, traits: QuestionTraits(type: .a))
    }
    path.cache.insert(
      StoredAnswer(records: records, origin: .upstream, stored: 0, expires: 1_000_000, generation: 1), for: path.key)
  }
  let fd = lares_udp_listen(4, port)
  let ep = epoll_create1(0)
  var ev = epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t(fd: fd))
  epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev)
  while true {
    epoll_wait(ep, &ev, 1, -1)
    while true {
      let n = lares_batch_receive(path.batch, fd)
      if n <= 0 { break }
      let now = UInt32(Clock.now.nanoseconds / 1_000_000_000 & 0xffff)
      path.serve(Int(n), now: now)
      lares_batch_send(path.batch, n, fd)
      if n < 64 { break }
    }
  }
}
