// SPDX-License-Identifier: Apache-2.0
// Tables between C++ and Python: what all bindings share.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <utility>
#include <vector>

namespace emu::bindings {

namespace nb = nanobind;

template <typename T>
using Column = nb::ndarray<nb::numpy, T, nb::ndim<1>, nb::c_contig>;
template <typename T>
using Input = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <typename T>
std::vector<T> copied(const Input<T>& values) {
  return {values.data(), values.data() + values.size()};
}

/// A NumPy array that owns the values.
template <typename T>
Column<T> column(std::vector<T>&& values) {
  auto* owned = new std::vector<T>(std::move(values));
  nb::capsule owner(owned, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  return Column<T>(owned->data(), {owned->size()}, owner);
}

/// A column of what `get` finds in each row.
template <typename T, typename Rows, typename Get>
void put(nb::dict& out, const char* name, const Rows& rows, Get get) {
  std::vector<T> values;
  values.reserve(rows.size());
  for (const auto& row : rows) values.push_back(static_cast<T>(get(row)));
  out[name] = column(std::move(values));
}

}  // namespace emu::bindings
