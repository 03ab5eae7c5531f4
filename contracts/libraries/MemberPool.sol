// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {LibBit} from "solady/utils/LibBit.sol";

/// @title A list of members, and one bit for each: may it be drawn now?
/// @notice A member keeps its position while it and others come and go from the draw; positions change only when a member
/// is removed (the last one takes its place). Nobody can therefore steer a draw by pausing and resuming nodes, except past
/// those very nodes.
library MemberPool {
    /// @notice "No such position".
    uint256 internal constant NONE = type(uint256).max;

    /// @dev `summary` has one bit for each word of `available` that is not empty, so that the next available member is found
    /// in a few storage reads however many members there are.
    struct Pool {
        uint32[] members;
        mapping(uint256 wordIndex => uint256 bits) available;
        mapping(uint256 blockIndex => uint256 bits) summary;
    }

    /// @notice Appends a member, not yet available.
    function add(Pool storage pool, uint32 id) internal returns (uint32 position) {
        position = uint32(pool.members.length);
        pool.members.push(id);
    }

    /// @notice Removes the member at `position`.
    /// @return moved The member that was last and now has `position`; zero when none had to move.
    function remove(Pool storage pool, uint256 position) internal returns (uint32 moved) {
        uint256 last = pool.members.length - 1;
        if (position != last) {
            moved = pool.members[last];
            pool.members[position] = moved;
            setAvailable(pool, position, isAvailable(pool, last));
        }
        setAvailable(pool, last, false);
        pool.members.pop();
    }

    function setAvailable(Pool storage pool, uint256 position, bool value) internal {
        uint256 word = position >> 8;
        uint256 bit = 1 << (position & 255);
        uint256 before = pool.available[word];
        uint256 next = value ? before | bit : before & ~bit;
        if (next == before) return;
        pool.available[word] = next;
        if (before == 0 || next == 0) pool.summary[word >> 8] ^= 1 << (word & 255);
    }

    function isAvailable(Pool storage pool, uint256 position) internal view returns (bool) {
        return (pool.available[position >> 8] >> (position & 255)) & 1 != 0;
    }

    /// @notice The first available position that is not below `from`, or NONE.
    function firstAvailable(Pool storage pool, uint256 from) internal view returns (uint256) {
        uint256 word = from >> 8;
        uint256 bits = _from(pool.available[word], from & 255);
        if (bits != 0) return (word << 8) | LibBit.ffs(bits);

        ++word;
        uint256 lastBlock = pool.members.length >> 16;
        uint256 offset = word & 255;
        for (uint256 block_ = word >> 8; block_ <= lastBlock; ++block_) {
            uint256 words = _from(pool.summary[block_], offset);
            if (words != 0) {
                word = (block_ << 8) | LibBit.ffs(words);
                return (word << 8) | LibBit.ffs(pool.available[word]);
            }
            offset = 0;
        }
        return NONE;
    }

    /// @dev Clears the bits below `offset`.
    function _from(uint256 bits, uint256 offset) private pure returns (uint256) {
        return (bits >> offset) << offset;
    }
}
