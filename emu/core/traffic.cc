// SPDX-License-Identifier: Apache-2.0
// What an engine is given to carry: queue pairs, their messages as they are
// posted, and the way of the messages out again once they are over.
#include <stdexcept>

#include "engine.h"

namespace emu {

std::uint32_t Engine::add_qp(std::uint32_t src, std::uint32_t dst, std::uint16_t udp_sport,
                             std::uint8_t priority, Verb verb) {
  if (src >= endpoints_.size() || dst >= endpoints_.size() || src == dst) {
    throw std::invalid_argument("a queue pair joins two endpoints of the fabric");
  }
  if (priority >= kPriorities) throw std::invalid_argument("priorities are 0 to 7");
  QueuePair qp;
  qp.src = src;
  qp.dst = dst;
  qp.priority = priority;
  qp.verb = verb;
  const auto tuple = [&](std::uint64_t from, std::uint64_t to) {
    return static_cast<std::uint32_t>(mix64((from << 40) ^ (to << 16) ^ udp_sport));
  };
  qp.entropy = tuple(src, dst);
  qp.entropy_back = tuple(dst, src);
  qps_.push_back(qp);
  send_.emplace_back();
  recv_.emplace_back();
  const Endpoint& sender = endpoints_[src];
  cc_.push_back(Cc::start(nic_profiles_[sender.profile].cc, line_rate(sender)));
  prepare_any_order(nic_profiles_[sender.profile]);
  return static_cast<std::uint32_t>(qps_.size() - 1);
}

std::uint32_t Engine::post(std::uint32_t qp_number, std::int64_t bytes, Ps at) {
  if (qp_number >= qps_.size()) throw std::invalid_argument("no such queue pair");
  if (bytes <= 0) throw std::invalid_argument("a message has at least one byte");
  if (at < now_) throw std::invalid_argument("a message cannot be posted in the past");
  QueuePair& qp = qps_[qp_number];
  if (qp.last_message != kNone && messages_[qp.last_message].post > at) {
    throw std::invalid_argument("messages of a queue pair are posted in time order");
  }
  std::uint32_t slot = static_cast<std::uint32_t>(messages_.size());
  if (free_messages_.empty()) {
    messages_.emplace_back();
  } else {
    slot = free_messages_.back();
    free_messages_.pop_back();
    messages_[slot] = {};
  }
  Message& message = messages_[slot];
  const std::int32_t mtu = nic_profiles_[endpoints_[qp.src].profile].mtu;
  message.qp = qp_number;
  message.number = posted_++;
  message.bytes = bytes;
  message.post = at;
  message.packets = static_cast<std::uint32_t>((bytes + mtu - 1) / mtu);
  message.first_psn = qp.posted_psn;
  message.previous = qp.last_message;
  message.failed = send_[qp_number].state == SendState::kFailed;
  qp.posted_psn += message.packets;
  if (qp.last_message == kNone) {
    qp.first_message = slot;
  } else {
    messages_[qp.last_message].next = slot;
  }
  qp.last_message = slot;
  if (message.failed) return message.number;
  posts_.emplace(at, message.number, slot);
  if (qp.expected > 0) {
    --qp.expected;
  } else {
    ++unfinished_;
  }
  return message.number;
}

void Engine::expect(std::uint32_t qp, std::uint32_t messages) {
  if (qp >= qps_.size()) throw std::invalid_argument("no such queue pair");
  qps_[qp].expected += messages;
  unfinished_ += messages;
}

/// A message is over when both ends know of its end and neither looks at it any
/// more: later packets of the queue pair are counted on the message after it.
/// Who asked for a READ twice may be answered from any earlier packet on, and so
/// may who bears reordering: such a queue pair keeps what it has.
void Engine::retire(std::vector<Message>& out) {
  for (std::uint32_t number = 0; number < qps_.size(); ++number) {
    QueuePair& qp = qps_[number];
    const SendQp& send = send_[number];
    const RecvQp& recv = recv_[number];
    const NicParams& nic = nic_profiles_[endpoints_[qp.src].profile];
    if (recv.asked_again) continue;
    if (qp.verb == Verb::kRead && nic.receiver != Receiver::kGoBackN) continue;
    while (qp.first_message != qp.last_message) {
      const std::uint32_t slot = qp.first_message;
      const Message& message = messages_[slot];
      const bool over = message.failed || (message.end >= 0 && message.acked >= 0);
      const bool held = slot == recv.message || slot == send.message ||
                        (qp.verb == Verb::kWrite && slot == send.una_message);
      if (!over || held) break;
      qp.first_message = message.next;
      messages_[qp.first_message].previous = kNone;
      out.push_back(message);
      free_messages_.push_back(slot);
    }
  }
}

}  // namespace emu
